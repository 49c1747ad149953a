// Owns two parsers of an answer's bytes: the strictest possible one, and node:http as a client.
import { request } from 'node:http';
import { Duplex } from 'node:stream';

/** A complete final response. */
export interface ReadAnswer {
  readonly status: number;
  /** latin1 */
  readonly body: string;
}

/** Hop-by-hop headers, and framing headers that the gateway rewrites (RFC 9110 7.6.1). */
const NEVER = /^(keep-alive|proxy-connection|proxy-authenticate|te|trailer|upgrade|alt-svc)$/;

/**
 * The only final response in the bytes that a phone received up to the end of its connection; null = it is incomplete. Throws
 * on anything ambiguous.
 */
export function readAnswerStrictly(text: string): ReadAnswer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\t -~\x80-\xff]*$/.exec(line)?.[1]);
  if (Number.isNaN(status)) throw new Error(`status line: ${JSON.stringify(line)}`);
  const headers = new Map<string, string>();
  for (const header of lines) {
    const [, name = '', value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)$/.exec(header) ?? [];
    if (name === '' || NEVER.test(name.toLowerCase()))
      throw new Error(`header line: ${JSON.stringify(header)}`);
    if (/^(content-length|transfer-encoding)$/i.test(name) && headers.has(name.toLowerCase()))
      throw new Error('framing twice');
    headers.set(name.toLowerCase(), value);
  }
  const rest = text.slice(end + 4);
  if (status < 200) return readAnswerStrictly(rest);
  return readBody(status, headers, rest);
}

function readBody(status: number, headers: ReadonlyMap<string, string>, rest: string): ReadAnswer | null {
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  if (length !== undefined && coding !== undefined) throw new Error('contradictory framing');
  if (status === 204 || status === 304) {
    if (rest !== '') throw new Error('bytes behind the answer');
    return { status, body: '' };
  }
  if (coding !== undefined) {
    if (coding !== 'chunked') throw new Error(`coding ${coding}`);
    return readChunks(status, rest);
  }
  if (length === undefined) return { status, body: rest };
  if (!/^(0|[1-9]\d*)$/.test(length)) throw new Error(`length ${length}`);
  if (rest.length > Number(length)) throw new Error('bytes behind the answer');
  return rest.length < Number(length) ? null : { status, body: rest };
}

function readChunks(status: number, text: string): ReadAnswer | null {
  let body = '';
  let rest = text;
  for (;;) {
    const [line = '', size = ''] = /^([0-9a-fA-F]+)\r\n/.exec(rest) ?? [];
    if (line === '') {
      if (/^[0-9a-fA-F]*\r?$/.test(rest)) return null;
      throw new Error(`chunk: ${JSON.stringify(rest)}`);
    }
    const end = line.length + Number.parseInt(size, 16);
    if (Number.parseInt(size, 16) === 0) {
      const trailers = /^((?:[!-9;-~]+:[\t -~\x80-\xff]*\r\n)*)\r\n/.exec(rest.slice(line.length));
      if (trailers === null) return null;
      if (rest.length > line.length + trailers[0].length) throw new Error('bytes behind the answer');
      return { status, body };
    }
    body += rest.slice(line.length, end);
    if (rest.length < end + 2) return null;
    if (rest.slice(end, end + 2) !== '\r\n') throw new Error('chunk end');
    rest = rest.slice(end + 2);
  }
}

/**
 * The same answer, without `close` in its interim responses. node:http takes such a one for the last response of the connection;
 * but the final one still follows (RFC 9110 15.2), and only after it the connection ends (RFC 9112 9.6).
 */
export function withOpenInterim(bytes: string): string {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1 || !bytes.startsWith('HTTP/1.1 1')) return bytes;
  const head = bytes.slice(0, end + 2).replace(/\r\nconnection:[\t ]*close[\t ]*(?=\r\n)/gi, '');
  return `${head}\r\n${withOpenInterim(bytes.slice(end + 4))}`;
}

/**
 * The same answer with bare chunk sizes. node:http refuses sizes with trailing white space, and extensions that are not tokens;
 * the gateway skips them, as RFC 9112 7.1.1 requires for unknown extensions. And without tabs around `chunked`, which are white space
 * (RFC 9110 5.5): node:http takes such an answer for one that ends with its connection.
 */
export function withBareSizes(bytes: string): string {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return bytes;
  const head = bytes.slice(0, end + 4);
  let rest = bytes.slice(end + 4);
  if (head.startsWith('HTTP/1.1 1')) return head + withBareSizes(rest);
  if (!/\r\ntransfer-encoding:[\t ]*chunked[\t ]*\r\n/i.test(head)) return bytes;
  let written = head.replace(/(\r\ntransfer-encoding:)[\t ]*chunked[\t ]*(?=\r\n)/i, '$1 chunked');
  for (;;) {
    const found = /^0*([0-9a-f]{1,8})[\t ]*(?:;[\t -~\x80-\xff]*)?\r\n/i.exec(rest);
    if (found === null) return written + rest;
    const [line, size = ''] = found;
    const chunk = line.length + Number.parseInt(size, 16) + 2;
    written += `${size}\r\n${rest.slice(line.length, chunk)}`;
    rest = rest.slice(chunk);
    if (Number.parseInt(size, 16) === 0) return written + rest;
  }
}

/**
 * The response that node:http reads from these bytes and an end; null = it refuses them, or the response is incomplete. It gets
 * them one by one, so that bytes after a complete response do not affect it.
 */
export function readAnswerByNode(bytes: string): Promise<ReadAnswer | null> {
  return new Promise((resolve) => {
    let at = 0;
    const next = (): void => {
      if (wire.destroyed) return;
      wire.push(at < bytes.length ? Buffer.from(bytes.charAt(at), 'latin1') : null);
      if (at++ < bytes.length) setImmediate(next);
    };
    const wire = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        done();
        setImmediate(next);
      },
    });
    let answered = false;
    const outgoing = request({ createConnection: () => wire, method: 'POST', path: '/' });
    const settle = (answer: ReadAnswer | null): void => {
      resolve(answer);
      wire.destroy();
    };
    outgoing.on('error', () => settle(null));
    outgoing.on('close', () => !answered && settle(null));
    outgoing.on('upgrade', () => settle(null));
    outgoing.on('response', (response) => {
      answered = true;
      let body = '';
      response.on('close', () => settle(null));
      response.on('error', () => settle(null));
      response.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
      response.on('end', () => settle(response.complete ? { status: response.statusCode ?? 0, body } : null));
    });
    outgoing.end();
  });
}
