// Owns the messages of the pass-through lane: the strict head check behind node:http, and the forwarded headers. Pure.
import { ERRORS } from '../../errors/request-errors.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { parseRequestHead } from '../../http/request-head.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { isPublicHost } from '../../http/host.ts';
import { VIA_PSEUDONYM, cameThroughHere } from '../../http/via.ts';
import type { PassThroughRules, UpstreamServerSettings } from '../settings.ts';
import { isOutOfPorts } from '../upstream/source-addresses.ts';
import { asksForEas } from './eas-query.ts';
import { matchPath, namesMail } from './paths.ts';
import { http } from '../../node-http.ts';

/** A request as parsed by node:http. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const WITH_BODY = ['POST', 'PUT', 'PATCH'];

/**
 * Applies the rules of the EAS lane to a request that node:http accepted (two Hosts, HTTP/0.9, `gzip, chunked`,
 * `Expect: x 100-continue`): its head is reassembled and parsed by the strict parser (request smuggling, RFC 9112
 * 11.2).
 */
export function admitRequest(
  request: NodeRequest,
  rules: PassThroughRules,
  upgrade: boolean,
): RequestHead | HttpErrorCode {
  const { headLimits, maxBodyBytes, publicHosts } = rules;
  let text = `${request.method ?? ''} ${request.url ?? ''} HTTP/${request.httpVersion}\r\n`;
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    text += `${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}\r\n`;
  }
  const bytes = Buffer.from(text + '\r\n', 'latin1');
  const head = parseRequestHead(bytes, 0, bytes.length, headLimits);
  if (head === null || (typeof head !== 'string' && head.end !== bytes.length)) return 'EASGATE_BAD_HEADER';
  if (typeof head === 'string') return head;
  if (!METHODS.includes(head.method)) return 'EASGATE_METHOD_NOT_ALLOWED';
  // CVE-2026-29057: http-proxy replaces the framing of a chunked OPTIONS or DELETE by `Content-Length: 0`.
  if (head.framing !== 'none' && !WITH_BODY.includes(head.method)) return 'EASGATE_UNEXPECTED_BODY';
  const path = matchPath(head.target, rules);
  if (typeof path === 'string') return path;
  if (asksForEas(head.method, head.target)) return 'EASGATE_BAD_PATH';
  // Horde's rpc.php treats every request with this content type as Exchange ActiveSync.
  if (head.contentType?.toLowerCase().includes('application/vnd.ms-sync') === true)
    return 'EASGATE_CONTENT_TYPE';
  if (upgrade && !path.upgrade) return 'EASGATE_BAD_UPGRADE';
  if (publicHosts.length > 0 && !isPublicHost(head.host, publicHosts)) return 'EASGATE_WRONG_HOST';
  if (head.via !== null && cameThroughHere(head.via)) return 'EASGATE_LOOP';
  if (head.contentLength > maxBodyBytes) return 'EASGATE_BODY_TOO_LARGE';
  return head;
}

/** Headers for the upstream request, by lower-case name: end-to-end ones, then `forwarded`, then the framing. */
export function upstreamHeaders(
  head: RequestHead,
  forwarded: readonly (readonly [name: string, value: string])[],
): Record<string, string | string[]> {
  const names = new Map<string, string[]>([['host', [head.host]]]);
  for (const line of head.headerLines.split('\r\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) append(names, line.slice(0, colon), line.slice(colon + 2));
  }
  for (const [name, value] of forwarded) append(names, name, value);
  append(names, 'via', '1.1 ' + VIA_PSEUDONYM);
  if (head.framing === 'chunked') append(names, 'transfer-encoding', 'chunked');
  else if (head.framing === 'length' || WITH_BODY.includes(head.method)) {
    append(names, 'content-length', String(head.contentLength));
  }
  return toRecord(names);
}

/** Hop-by-hop response headers (RFC 9110 7.6.1); node:http writes the framing of the next hop. */
const RESPONSE_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
  // Belongs to Exchange ActiveSync, which is not served on these paths.
  'x-ms-location',
];

/** Headers that redirect a client: RFC 9110 10.2.2, 8.7; Refresh is a de facto standard of browsers. */
const ADDRESSES = ['location', 'content-location', 'refresh'];

/**
 * End-to-end headers of a response, flat and unchanged; null when its transfer coding is not exactly `chunked`, because
 * node:http would drop another one.
 */
export function responseHeaders(rawHeaders: readonly string[]): string[] | null {
  const dropped = new Set(RESPONSE_HOP);
  for (const [name, value] of pairs(rawHeaders)) {
    if (name === 'transfer-encoding' && value.toLowerCase() !== 'chunked') return null;
    if (name !== 'connection') continue;
    for (const token of value.split(',')) dropped.add(token.trim().toLowerCase());
  }
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (!dropped.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] as string);
  }
  return kept;
}

/**
 * Whether a response leads to Exchange ActiveSync or Autodiscover on another host than `host` (the client's Host; null
 * = unknown): a mail app that follows it bypasses the gateway. An address without a host stays here.
 */
export function leadsToMail(rawHeaders: readonly string[], host: string | null): boolean {
  for (const [name, value] of pairs(rawHeaders)) {
    if (!ADDRESSES.includes(name) || /^\/(?![/\\])/.test(value) || !namesMail(value)) continue;
    const url = URL.parse(value);
    if (host === null || url === null || url.host !== host.toLowerCase()) return true;
  }
  return false;
}

/** Headers of `101 Switching Protocols`: end-to-end ones, and the two that switch. */
export function upgradeHeaders(flat: readonly string[]): Record<string, string | string[]> {
  const names = new Map([
    ['connection', ['Upgrade']],
    ['upgrade', ['websocket']],
  ]);
  for (const [name, value] of pairs(flat)) append(names, name, value);
  return toRecord(names);
}

/** A response head for a raw socket that closes after the body; `flat` holds end-to-end headers. */
export function closingHead(status: number, flat: readonly string[]): string {
  let text = `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Error'}\r\n`;
  for (let index = 0; index + 1 < flat.length; index += 2) text += `${flat[index]}: ${flat[index + 1]}\r\n`;
  return text + 'Connection: close\r\n\r\n';
}

/** The laneRefusal for a code: its status text, without internal details. */
export function laneRefusal(code: HttpErrorCode): { status: number; headers: string[]; body: string } {
  const { status } = ERRORS[code];
  const body = (http.STATUS_CODES[status] ?? 'Error') + '\n';
  const headers = ['Content-Type', 'text/plain', 'Content-Length', String(body.length)];
  if (status === 405) headers.push('Allow', METHODS.join(', '));
  return { status, headers, body };
}

/** {@link laneRefusal} for a raw socket that closes after it. */
export function closingReply(code: HttpErrorCode): string {
  const { status, headers, body } = laneRefusal(code);
  return closingHead(status, headers) + body;
}

/** Whether these credentials authenticate the connection and not the request (RFC 4559 6). */
export function bindsConnection(authorization: string | null | undefined): boolean {
  return authorization !== undefined && authorization !== null && /^(?:ntlm|nego)/i.test(authorization);
}

/** Whether this is the opening message of NTLM (MS-NLMP 2.2.1.1), by its base64 prefix; it names no user. */
export function opensNtlm(authorization: string | undefined): boolean {
  return authorization !== undefined && /^[nN][tT][lL][mM] +TlRMTVNTUAAB/.test(authorization);
}

/** The Host of a server, as a client would write it. */
export function hostOf({ host, port, tls }: UpstreamServerSettings): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (tls === null ? 80 : 443) ? name : `${name}:${port}`;
}

/** The code for an upstream error before the response; `stood` = the connection was established. */
export function upstreamErrorCode(error: NodeJS.ErrnoException, stood: boolean): HttpErrorCode {
  const code = error.code ?? '';
  if (isOutOfPorts(error)) return 'EASGATE_NO_LOCAL_PORT';
  if (!stood) return code === 'ETIMEDOUT' ? 'EASGATE_UPSTREAM_CONNECT_TIMEOUT' : 'EASGATE_UPSTREAM_CONNECT';
  if (code.startsWith('HPE_')) return 'EASGATE_UPSTREAM_INVALID';
  return 'EASGATE_UPSTREAM_CLOSED';
}

/** The code for an error of node:http's parser, in a body or before a head; null when the connection broke. */
export function clientErrorCode(error: NodeJS.ErrnoException, inBody: boolean): HttpErrorCode | null {
  const code = error.code ?? '';
  if (!code.startsWith('HPE_')) return null;
  if (code === 'HPE_HEADER_OVERFLOW') return 'EASGATE_HEAD_TOO_LARGE';
  return inBody ? 'EASGATE_BAD_CHUNK' : 'EASGATE_BAD_HEADER';
}

function* pairs(flat: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let index = 0; index + 1 < flat.length; index += 2) {
    yield [(flat[index] as string).toLowerCase(), flat[index + 1] as string];
  }
}

function append(names: Map<string, string[]>, name: string, value: string): void {
  const key = name.toLowerCase();
  const values = names.get(key);
  if (values === undefined) names.set(key, [value]);
  else values.push(value);
}

function toRecord(names: ReadonlyMap<string, string[]>): Record<string, string | string[]> {
  return Object.fromEntries(
    Array.from(names, ([name, values]) => [name, values.length === 1 ? (values[0] as string) : values]),
  );
}
