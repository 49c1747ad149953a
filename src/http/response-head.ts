// Owns the strict parser of HTTP/1.1 response heads from the mail server. Pure; hot path.
// Threat: if the phone and the gateway find different ends of a response, it poisons the next exchange on a shared
// connection.
import { BYTE_CLASS, NAME_TOKEN, VALUE, equalsIgnoreCase, parseDecimal } from './characters.ts';
import { ForwardedLines } from './forwarded-lines.ts';
import { withoutHeaders } from './header-lines.ts';
import { findHeader, hashByte, headerTable } from './header-table.ts';

/** How the end of a response body is found (RFC 9112 6.3). */
export type ResponseFraming = 'none' | 'length' | 'chunked' | 'close';

/** A response head that was fully understood. */
export class ResponseHead {
  status: number;
  /** `HTTP/1.1 200 OK\r\n` re-emitted. */
  statusLine: string;
  framing: ResponseFraming;
  /** Octets when framing is `length`; for HEAD and 304 the announced length or -1. */
  contentLength: number;
  /** The server did not announce that it closes the connection. */
  keepAlive: boolean;
  /** End-to-end headers, each as `Name: value\r\n`, without framing. */
  headerLines: string;
  /** Offset of the first byte after the head. */
  end: number;

  constructor(status: number, statusLine: string, headerLines: string, end: number) {
    this.status = status;
    this.statusLine = statusLine;
    this.framing = 'none';
    this.contentLength = -1;
    this.keepAlive = true;
    this.headerLines = headerLines;
    this.end = end;
  }
}

const CONTENT_LENGTH = 1;
const TRANSFER_ENCODING = 2;
const CONNECTION = 3;

/**
 * Response headers that are dropped: hop-by-hop ones (RFC 9110 7.6.1) and those that name another address, by which a
 * phone would bypass this gateway. MS-ASHTTP uses X-MS-Location with 451 only; the gateway writes its own, as well as the
 * framing.
 */
export const DROPPED_RESPONSE_HEADERS: readonly string[] = [
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'upgrade',
  'alt-svc',
  'location',
  'content-location',
  'refresh',
  'x-ms-location',
];

const RESPONSE_HEADERS = headerTable([
  ['content-length', 'unique', CONTENT_LENGTH],
  ['transfer-encoding', 'unique', TRANSFER_ENCODING],
  ['connection', 'drop', CONNECTION],
  ...DROPPED_RESPONSE_HEADERS.map((name) => [name, 'drop'] as const),
]);

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
const COLON = 0x3a;
/** Octets of `HTTP/1.1 200`. */
const STATUS_PREFIX = 12;

const starts = new Int32Array(RESPONSE_HEADERS.slots);
const ends = new Int32Array(RESPONSE_HEADERS.slots);
const forwarded = new ForwardedLines();

/** Parses the head at `offset`; `null` = more bytes needed, `'invalid'` = not one clean response. */
export function parseResponseHead(
  bytes: Buffer,
  offset: number,
  limit: number,
  maxHeadBytes: number,
): ResponseHead | 'invalid' | null {
  const bound = Math.min(limit, offset + maxHeadBytes);
  const full = limit - offset >= maxHeadBytes;
  if (offset + STATUS_PREFIX + 2 > bound) return full ? 'invalid' : null;
  if (
    bytes[offset] !== 0x48 ||
    bytes[offset + 1] !== 0x54 ||
    bytes[offset + 2] !== 0x54 ||
    bytes[offset + 3] !== 0x50 ||
    bytes[offset + 4] !== 0x2f ||
    bytes[offset + 5] !== 0x31 ||
    bytes[offset + 6] !== 0x2e ||
    bytes[offset + 8] !== SP
  ) {
    return 'invalid';
  }
  const minor = (bytes[offset + 7] as number) - 0x30;
  const status = parseDecimal(bytes, offset + 9, offset + STATUS_PREFIX);
  if ((minor !== 0 && minor !== 1) || status < 100 || status > 599) return 'invalid';
  let at = offset + STATUS_PREFIX;
  // RFC 9112 4: the space stays when the phrase is empty; some servers leave it out.
  if (bytes[at] !== SP && bytes[at] !== CR) return 'invalid';
  while (at < bound && ((BYTE_CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++;
  if (at + 1 >= bound) return full ? 'invalid' : null;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return 'invalid';
  const phraseEnd = at;
  at += 2;

  starts.fill(-1);
  let options = '';
  let runStart = at;
  forwarded.clear();
  for (;;) {
    if (at + 1 >= bound) return full ? 'invalid' : null;
    if (bytes[at] === CR) {
      if (bytes[at + 1] !== LF) return 'invalid';
      break;
    }
    const lineStart = at;
    let hash = 0;
    let byte = bytes[at] as number;
    while (((BYTE_CLASS[byte] as number) & NAME_TOKEN) !== 0) {
      hash = hashByte(hash, byte);
      if (++at >= bound) break;
      byte = bytes[at] as number;
    }
    const nameEnd = at;
    if (at >= bound) continue;
    if (byte !== COLON || nameEnd === lineStart) return 'invalid';
    at++;
    while (at < bound && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    const valueStart = at;
    while (at < bound && ((BYTE_CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++;
    if (at + 1 >= bound) {
      at = bound;
      continue;
    }
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return 'invalid';
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    at += 2;
    const entry = findHeader(RESPONSE_HEADERS, hash, bytes, lineStart, nameEnd);
    let written = true;
    if (entry !== undefined) {
      const slot = entry.slot;
      if (slot === CONNECTION) {
        options += bytes.toString('latin1', valueStart, valueEnd).toLowerCase() + ',';
      } else if (slot !== 0) {
        if (starts[slot] !== -1) return 'invalid';
        starts[slot] = valueStart;
        ends[slot] = valueEnd;
      }
      written = false;
    }
    if (written && valueStart === nameEnd + 2 && bytes[nameEnd + 1] === SP && valueEnd === at - 2) continue;
    if (!forwarded.hasRoom()) return 'invalid';
    forwarded.addRun(runStart, lineStart);
    if (written) forwarded.addLine(lineStart, nameEnd, valueStart, valueEnd);
    runStart = at;
  }
  if (!forwarded.hasRoom()) return 'invalid';
  forwarded.addRun(runStart, at);
  // The head is converted to text once; all values are slices of it.
  const text = bytes.toString('latin1', offset, at);
  const phrase = text.slice(9, phraseEnd - offset);
  const statusLine = 'HTTP/1.1 ' + phrase + (phrase.length === 3 ? ' \r\n' : '\r\n');
  const head = new ResponseHead(status, statusLine, forwarded.join(text, offset), at + 2);
  if (minor === 0) head.keepAlive = false;
  if (options !== '') readOptions(head, options);
  return frame(head, bytes, minor) ? head : 'invalid';
}

/** Sets the framing (RFC 9112 6.3); false when it is contradictory. */
function frame(head: ResponseHead, bytes: Buffer, minor: number): boolean {
  // HTTP/1.0 has no 1xx (RFC 9110 15.2); readers disagree on the bytes that follow one.
  if (minor === 0 && head.status < 200) return false;
  const lengthStart = starts[CONTENT_LENGTH] as number;
  const codingStart = starts[TRANSFER_ENCODING] as number;
  if (lengthStart !== -1) {
    head.contentLength = parseDecimal(bytes, lengthStart, ends[CONTENT_LENGTH] as number);
    if (head.contentLength < 0 || codingStart !== -1) return false;
  }
  if (codingStart !== -1) {
    if (minor === 0) return false;
    if (!equalsIgnoreCase(bytes.toString('latin1', codingStart, ends[TRANSFER_ENCODING]), 'chunked'))
      return false;
    head.framing = 'chunked';
  } else if (lengthStart !== -1) {
    head.framing = head.contentLength === 0 ? 'none' : 'length';
  } else {
    head.framing = 'close';
  }
  // RFC 9110 15.2, 15.3.5, 15.4.5: never a body, whatever the headers announce.
  if (head.status < 200 || head.status === 204 || head.status === 304) head.framing = 'none';
  return true;
}

/** Applies the Connection options: `close`, and names of hop-by-hop headers. */
function readOptions(head: ResponseHead, options: string): void {
  const tokens = options.split(',').map((token) => token.trim());
  if (tokens.includes('close')) head.keepAlive = false;
  const named = tokens.filter((token) => token !== '' && token !== 'close' && token !== 'keep-alive');
  if (named.length > 0) head.headerLines = withoutHeaders(head.headerLines, named);
}
