// Owns the strictest parser of requests at a mail server: it throws on anything that a lenient server might read differently.

/** One request of a stream. */
export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  /** By lower-case name; each occurs once. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Decoded; latin1. */
  readonly body: string;
  /** False when the stream ends inside the body. */
  readonly complete: boolean;
}

/** Headers that must not be repeated. */
const ONCE = [
  'host',
  'authorization',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'user-agent',
  'ms-asprotocolversion',
  'ms-asacceptmultipart',
  'x-ms-policykey',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
];

/** Headers that the gateway must not forward. */
const NEVER =
  /^(connection|keep-alive|proxy|proxy-.*|te|trailer|upgrade|http2-settings|expect|forwarded|x-real-.*|x-original.*|x-rewrite.*|x-http-.*|(x-)?remote-.*|x-(auth|eas|webauth|beresource|anonresource).*|x-commonaccesstoken|x-isfrom.*|x-webobjects-.*|x-forwarded-(?!for$|proto$|host$).*|x-ssl-.*|ssl-.*|x-arr-.*)$/;

/** All requests of one connection's bytes. */
export function readStrictly(text: string): StrictRequest[] {
  const requests: StrictRequest[] = [];
  let rest = text;
  while (rest !== '') {
    if (requests.at(-1)?.complete === false) throw new Error('bytes behind an incomplete request');
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) throw new Error(`no whole head: ${JSON.stringify(rest.slice(0, 500))}`);
    const [line = '', ...lines] = rest.slice(0, end).split('\r\n');
    const [, method, target] =
      /^(POST|OPTIONS) (\/Microsoft-Server-ActiveSync(?:\?[!-~]+)?) HTTP\/1\.1$/.exec(line) ?? [];
    if (method === undefined || target === undefined)
      throw new Error(`request line: ${JSON.stringify(line)}`);
    const headers = readHeaders(lines);
    const read = readBody(headers, method, rest.slice(end + 4));
    requests.push({ method, target, headers, body: read.body, complete: read.complete });
    rest = read.rest;
  }
  return requests;
}

function readHeaders(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^([A-Za-z0-9-]+): ([\t -~\x80-\xff]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || /^[\t ]|[\t ]$/.test(value))
      throw new Error(`header line: ${JSON.stringify(line)}`);
    const key = name.toLowerCase();
    if (NEVER.test(key)) throw new Error(`header that stays at the gateway: ${line}`);
    headers.set(key, [...(headers.get(key) ?? []), value]);
  }
  for (const name of ONCE) if ((headers.get(name)?.length ?? 0) > 1) throw new Error(`${name} twice`);
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(headers.get('host')?.[0] ?? '')) throw new Error('Host');
  if (headers.get('via')?.at(-1) !== '1.1 easgate') throw new Error('Via');
  return headers;
}

interface ReadBody {
  readonly body: string;
  readonly rest: string;
  readonly complete: boolean;
}

function readBody(headers: ReadonlyMap<string, readonly string[]>, method: string, text: string): ReadBody {
  const length = headers.get('content-length')?.[0];
  const coding = headers.get('transfer-encoding')?.[0];
  if (method === 'OPTIONS') {
    if (length !== undefined || coding !== undefined) throw new Error('OPTIONS with framing');
    return { body: '', rest: text, complete: true };
  }
  if (coding !== undefined) {
    if (coding !== 'chunked' || length !== undefined) throw new Error('contradictory framing');
    return readChunks(text);
  }
  if (length === undefined || !/^(0|[1-9][0-9]*)$/.test(length)) throw new Error(`length: ${length}`);
  const size = Number(length);
  return { body: text.slice(0, size), rest: text.slice(size), complete: text.length >= size };
}

function readChunks(text: string): ReadBody {
  let body = '';
  let rest = text;
  for (;;) {
    if (rest === '') return { body, rest, complete: false };
    if (rest.startsWith('0\r\n\r\n')) return { body, rest: rest.slice(5), complete: true };
    const [line = '', size = ''] = /^([1-9a-f][0-9a-f]*)\r\n/.exec(rest) ?? [];
    const end = line.length + Number.parseInt(size, 16);
    if (line === '' || rest.slice(end, end + 2) !== '\r\n') throw new Error('chunk');
    body += rest.slice(line.length, end);
    rest = rest.slice(end + 2);
  }
}
