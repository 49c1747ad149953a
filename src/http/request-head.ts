// Owns the strict parser of HTTP/1.1 request heads. Pure; hot path: no closures, exceptions or regular expressions.
// Threat: the gateway and the mail server read one head differently (request smuggling, identity smuggling).
// Rule: accept less than node:http does, refuse the rest, and re-emit what was understood.
import { BYTE_CLASS, NAME_STRICT, TARGET, VALUE, equalsIgnoreCase, parseDecimal } from './characters.ts';
import { readConnection } from './connection-options.ts';
import {
  DROPPED_HEADERS,
  hasDroppedCookie,
  hasLoginCookie,
  isDroppedFamily,
  withoutDroppedCookies,
} from './dropped-headers.ts';
import type { HttpErrorCode } from '../errors/request-errors.ts';
import { ForwardedLines } from './forwarded-lines.ts';
import { withoutHeaders } from './header-lines.ts';
import { findHeader, hashByte, headerTable } from './header-table.ts';
import type { HeaderEntry } from './header-table.ts';
import { isHost } from './host.ts';

/** Bounds of a head; bytes and counts. */
export interface HeadLimits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly maxTargetBytes: number;
}

/** Body framing announced by a head. */
export type BodyFraming = 'none' | 'length' | 'chunked';

/** A head that was fully understood. Header values are trimmed text; absent ones are `null`. */
export class RequestHead {
  method: string;
  target: string;
  /** 0 or 1: the minor version of HTTP/1.x. */
  minor: number;
  framing: BodyFraming;
  /** Octets of the body when framing is `length`, else 0. */
  contentLength: number;
  keepAlive: boolean;
  expectContinue: boolean;
  host: string;
  authorization: string | null;
  contentType: string | null;
  contentEncoding: string | null;
  userAgent: string | null;
  protocolVersion: string | null;
  policyKey: string | null;
  forwardedFor: string | null;
  forwardedProto: string | null;
  forwarded: string | null;
  via: string | null;
  /** Whether a Cookie of {@link headerLines} signs a user in (dropped-headers.ts). */
  loginCookie: boolean;
  /** End-to-end headers, each as `Name: value\r\n`, without Host and framing. */
  headerLines: string;
  /** Offset of the first byte after the head. */
  end: number;

  constructor(method: string, target: string, minor: number, end: number) {
    this.method = method;
    this.target = target;
    this.minor = minor;
    this.framing = 'none';
    this.contentLength = 0;
    this.keepAlive = minor === 1;
    this.expectContinue = false;
    this.host = '';
    this.authorization = null;
    this.contentType = null;
    this.contentEncoding = null;
    this.userAgent = null;
    this.protocolVersion = null;
    this.policyKey = null;
    this.forwardedFor = null;
    this.forwardedProto = null;
    this.forwarded = null;
    this.via = null;
    this.loginCookie = false;
    this.headerLines = '';
    this.end = end;
  }
}

const HOST = 1;
const AUTHORIZATION = 2;
const CONTENT_LENGTH = 3;
const CONTENT_TYPE = 4;
const CONTENT_ENCODING = 5;
const TRANSFER_ENCODING = 6;
const EXPECT = 7;
const USER_AGENT = 8;
const PROTOCOL_VERSION = 9;
const POLICY_KEY = 10;
const CONNECTION = 11;
const FORWARDED_FOR = 12;
const VIA = 13;
const FORWARDED_PROTO = 14;
const FORWARDED = 15;
const COOKIE = 16;

/**
 * Request headers that the gateway handles. `drop`: hop-by-hop (RFC 9110 7.6.1), claims of identity or address that a
 * server might trust, and overrides of URL or method. Framing and Host are dropped too: the gateway writes its own.
 */
const REQUEST_HEADERS = headerTable([
  ['host', 'unique', HOST],
  ['authorization', 'unique', AUTHORIZATION],
  ['content-length', 'unique', CONTENT_LENGTH],
  ['content-type', 'unique', CONTENT_TYPE],
  ['content-encoding', 'unique', CONTENT_ENCODING],
  ['transfer-encoding', 'unique', TRANSFER_ENCODING],
  ['expect', 'unique', EXPECT],
  ['user-agent', 'unique', USER_AGENT],
  ['ms-asprotocolversion', 'unique', PROTOCOL_VERSION],
  ['x-ms-policykey', 'unique', POLICY_KEY],
  ['ms-asacceptmultipart', 'unique'],
  ['connection', 'drop', CONNECTION],
  ['x-forwarded-for', 'drop', FORWARDED_FOR],
  ['x-forwarded-proto', 'drop', FORWARDED_PROTO],
  ['forwarded', 'drop', FORWARDED],
  ['via', 'pass', VIA],
  // Common names, listed only so that the prefix check is skipped for them.
  ['accept', 'pass'],
  ['accept-encoding', 'pass'],
  ['accept-language', 'pass'],
  ['cookie', 'pass', COOKIE],
  ['keep-alive', 'drop'],
  ['te', 'drop'],
  ['trailer', 'drop'],
  ['upgrade', 'drop'],
  ['http2-settings', 'drop'],
  ['alt-svc', 'drop'],
  ...DROPPED_HEADERS.map((name) => [name, 'drop'] as const),
]);

/**
 * Headers whose value must have no tab around it. RFC 9112 5.1 allows one, but nginx keeps a leading tab and llhttp a
 * trailing one as part of the value. Each would read another length or host than the gateway.
 */
const TAB_CODES: Readonly<Partial<Record<number, HttpErrorCode>>> = {
  [HOST]: 'EASGATE_BAD_HOST',
  [CONTENT_LENGTH]: 'EASGATE_BAD_CONTENT_LENGTH',
  [TRANSFER_ENCODING]: 'EASGATE_BAD_TRANSFER_ENCODING',
};

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
const COLON = 0x3a;
const SLASH = 0x2f;

/**
 * Methods after which a connection stays open. After any other method nothing more is read: servers and proxies differ in whether
 * they refuse an unknown method before or after its body, and CONNECT has no body (RFC 9110 9.3.6).
 */
const KEEPING_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  // RFC 4918 9.1: calendar apps look for a server with it before they sign in.
  'PROPFIND',
]);

/** Longest method token that is read; only POST and OPTIONS pass the gate. */
const MAX_METHOD = 20;
/** Octets of ` HTTP/1.1\r\n`. */
const VERSION_LINE = 11;

const starts = new Int32Array(REQUEST_HEADERS.slots);
const ends = new Int32Array(REQUEST_HEADERS.slots);
const connectionTokens: string[] = [];
/** Per slot: the values of the earlier lines of a list. */
const earlier: string[] = Array.from({ length: REQUEST_HEADERS.slots }, () => '');
let repeated = false;
const forwarded = new ForwardedLines();
let lastHost = '';

/** Whether this is an empty line, or its beginning, and nothing else: old clients send one behind a body (RFC 9112 2.2). */
export function isEmptyLine(bytes: Uint8Array): boolean {
  return bytes[0] === CR && (bytes.length === 1 || (bytes.length === 2 && bytes[1] === LF));
}

/**
 * Parses the head that begins at `offset`. Returns the head, an error code, or `null` when more bytes are needed.
 * Works on shared scratch tables: neither re-entrant nor asynchronous.
 */
export function parseRequestHead(
  bytes: Buffer,
  offset: number,
  limit: number,
  limits: HeadLimits,
): RequestHead | HttpErrorCode | null {
  let at = offset;
  // One empty line before the request line is allowed (RFC 9112 2.2).
  if (bytes[at] === CR) {
    if (at + 1 >= limit) return null;
    if (bytes[at + 1] === LF) at += 2;
  }
  const headStart = at;
  const bound = Math.min(limit, headStart + limits.maxHeadBytes);

  while (at < bound && isUpper(bytes[at] as number)) at++;
  const methodEnd = at;
  if (methodEnd - headStart > MAX_METHOD) return 'EASGATE_BAD_REQUEST_LINE';
  if (at === bound) return incomplete(headStart, limit, limits);
  if (bytes[at] !== SP || methodEnd === headStart) return 'EASGATE_BAD_REQUEST_LINE';
  at++;

  // Origin-form only (RFC 9112 3.2.1); spaces, controls and bytes above ASCII end the target.
  const targetStart = at;
  while (at < bound && ((BYTE_CLASS[bytes[at] as number] as number) & TARGET) !== 0) at++;
  const targetEnd = at;
  if (targetEnd - targetStart > limits.maxTargetBytes) return 'EASGATE_TARGET_TOO_LONG';
  if (at === bound) return incomplete(headStart, limit, limits);
  if (bytes[at] !== SP || bytes[targetStart] !== SLASH) return 'EASGATE_BAD_REQUEST_LINE';
  if (at + VERSION_LINE > bound) return incomplete(headStart, limit, limits);
  at++;
  if (
    bytes[at] !== 0x48 ||
    bytes[at + 1] !== 0x54 ||
    bytes[at + 2] !== 0x54 ||
    bytes[at + 3] !== 0x50 ||
    bytes[at + 4] !== 0x2f
  ) {
    return 'EASGATE_BAD_REQUEST_LINE';
  }
  const minor = (bytes[at + 7] as number) - 0x30;
  if (bytes[at + 5] !== 0x31 || bytes[at + 6] !== 0x2e || (minor !== 0 && minor !== 1))
    return 'EASGATE_BAD_VERSION';
  if (bytes[at + 8] !== CR || bytes[at + 9] !== LF) return 'EASGATE_BAD_REQUEST_LINE';
  at += 10;

  // Header lines
  starts.fill(-1);
  connectionTokens.length = 0;
  if (repeated) {
    earlier.fill('');
    repeated = false;
  }
  const headersStart = at;
  let runStart = at; // start of the run of lines that are forwarded unchanged
  let count = 0;
  let namesBackEnd = false;
  let signsIn = false;
  forwarded.clear();
  for (;;) {
    if (at + 1 >= bound) return incomplete(headStart, limit, limits);
    if (bytes[at] === CR) {
      if (bytes[at + 1] !== LF) return 'EASGATE_BAD_HEADER';
      break;
    }
    const lineStart = at;
    let hash = 0;
    let byte = bytes[at] as number;
    while (((BYTE_CLASS[byte] as number) & NAME_STRICT) !== 0) {
      hash = hashByte(hash, byte);
      if (++at >= bound) break;
      byte = bytes[at] as number;
    }
    const nameEnd = at;
    if (at >= bound) continue;
    if (byte !== COLON || nameEnd === lineStart) return 'EASGATE_BAD_HEADER';
    if (++count > limits.maxHeaders) return 'EASGATE_HEAD_TOO_LARGE';
    at++;
    while (at < bound && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    const valueStart = at;
    while (at < bound && ((BYTE_CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++;
    if (at + 1 >= bound) {
      at = bound;
      continue;
    }
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return 'EASGATE_BAD_HEADER';
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    at += 2;

    const entry = findHeader(REQUEST_HEADERS, hash, bytes, lineStart, nameEnd);
    let written: boolean;
    if (entry === undefined) {
      written = !isDroppedFamily(bytes, lineStart, nameEnd);
    } else {
      const slot = entry.slot;
      if (slot !== 0) {
        if (starts[slot] !== -1) {
          if (entry.unique) return 'EASGATE_DUPLICATE_HEADER';
          // A list may be spread over several lines (RFC 9110 5.3).
          if (slot !== CONNECTION && slot !== COOKIE) {
            earlier[slot] += bytes.toString('latin1', starts[slot], ends[slot]) + ', ';
            repeated = true;
          }
        }
        const tabCode = TAB_CODES[slot];
        if (tabCode !== undefined && hasTab(bytes, nameEnd, at)) return tabCode;
        if (slot === CONNECTION) {
          const bad = readConnection(bytes.toString('latin1', valueStart, valueEnd), connectionTokens);
          if (bad !== null) return bad;
        }
        if (slot === COOKIE) {
          namesBackEnd ||= hasDroppedCookie(bytes, valueStart, valueEnd);
          signsIn ||= hasLoginCookie(bytes, valueStart, valueEnd);
        }
        starts[slot] = valueStart;
        ends[slot] = valueEnd;
      } else if (entry.unique) {
        // Its value is not captured, but a second line is still an error.
        if (namedBefore(bytes, headersStart, lineStart, entry)) return 'EASGATE_DUPLICATE_HEADER';
      }
      written =
        !entry.dropped &&
        slot !== HOST &&
        slot !== CONTENT_LENGTH &&
        slot !== TRANSFER_ENCODING &&
        slot !== EXPECT;
    }
    if (written && valueStart === nameEnd + 2 && bytes[nameEnd + 1] === SP && valueEnd === at - 2) continue;
    // This line ends the run: it is dropped or rewritten.
    if (!forwarded.hasRoom()) return 'EASGATE_HEAD_TOO_LARGE';
    forwarded.addRun(runStart, lineStart);
    if (written) forwarded.addLine(lineStart, nameEnd, valueStart, valueEnd);
    runStart = at;
  }
  if (!forwarded.hasRoom()) return 'EASGATE_HEAD_TOO_LARGE';
  forwarded.addRun(runStart, at);

  const text = bytes.toString('latin1', headStart, at);
  const head = new RequestHead(
    // Nearly always one shared text, in place of one for each request.
    text.startsWith('POST ') ? 'POST' : text.slice(0, methodEnd - headStart),
    text.slice(targetStart - headStart, targetEnd - headStart),
    minor,
    at + 2,
  );
  head.headerLines = forwarded.join(text, headStart);
  head.loginCookie = signsIn;
  if (namesBackEnd) head.headerLines = withoutDroppedCookies(head.headerLines);
  return finish(head, bytes, text, headStart);
}

/** Fills in the captured headers and checks them against each other. */
function finish(
  head: RequestHead,
  bytes: Buffer,
  text: string,
  headStart: number,
): RequestHead | HttpErrorCode {
  const host = captured(text, headStart, HOST);
  // Most requests name the same host, so the last valid one is remembered.
  if (host === null || (host !== lastHost && !isHost(host))) return 'EASGATE_BAD_HOST';
  lastHost = host;
  head.host = host;
  const coding = captured(text, headStart, TRANSFER_ENCODING);
  const lengthStart = starts[CONTENT_LENGTH] as number;
  if (coding !== null) {
    if (lengthStart !== -1) return 'EASGATE_AMBIGUOUS_LENGTH';
    // RFC 9112 6.1: a recipient must treat Transfer-Encoding in HTTP/1.0 as faulty framing.
    if (head.minor === 0 || !equalsIgnoreCase(coding, 'chunked')) return 'EASGATE_BAD_TRANSFER_ENCODING';
    head.framing = 'chunked';
  } else if (lengthStart !== -1) {
    const length = parseDecimal(bytes, lengthStart, ends[CONTENT_LENGTH] as number);
    if (length < 0) return 'EASGATE_BAD_CONTENT_LENGTH';
    head.contentLength = length;
    head.framing = length === 0 ? 'none' : 'length';
  }
  const expect = captured(text, headStart, EXPECT);
  if (expect !== null) {
    if (!equalsIgnoreCase(expect, '100-continue')) return 'EASGATE_BAD_EXPECT';
    // RFC 9110 10.1.1: ignored in HTTP/1.0.
    head.expectContinue = head.minor === 1 && head.framing !== 'none';
  }
  // HTTP/1.0 persistence is not supported: the connection closes after the response.
  if (head.minor === 1 && starts[CONNECTION] !== -1) head.keepAlive = !connectionTokens.includes('close');
  if (head.method !== 'POST' && !KEEPING_METHODS.has(head.method)) head.keepAlive = false;
  head.authorization = captured(text, headStart, AUTHORIZATION);
  head.contentType = captured(text, headStart, CONTENT_TYPE);
  head.contentEncoding = captured(text, headStart, CONTENT_ENCODING);
  head.userAgent = captured(text, headStart, USER_AGENT);
  head.protocolVersion = captured(text, headStart, PROTOCOL_VERSION);
  head.policyKey = captured(text, headStart, POLICY_KEY);
  head.forwardedFor = capturedList(text, headStart, FORWARDED_FOR);
  head.forwardedProto = capturedList(text, headStart, FORWARDED_PROTO);
  head.forwarded = capturedList(text, headStart, FORWARDED);
  head.via = capturedList(text, headStart, VIA);
  // RFC 9110 7.6.1: headers that Connection names are hop-by-hop.
  if (connectionTokens.length > 0) head.headerLines = withoutHeaders(head.headerLines, connectionTokens);
  return head;
}

function incomplete(headStart: number, limit: number, limits: HeadLimits): HttpErrorCode | null {
  return limit - headStart >= limits.maxHeadBytes ? 'EASGATE_HEAD_TOO_LARGE' : null;
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function hasTab(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (bytes[index] === HTAB) return true;
  return false;
}

/** Whether a line before `lineStart` carries the name of `entry`. Runs only for rare, uncaptured unique headers. */
function namedBefore(bytes: Buffer, headersStart: number, lineStart: number, entry: HeaderEntry): boolean {
  const before = '\r\n' + bytes.toString('latin1', headersStart, lineStart).toLowerCase();
  return before.includes('\r\n' + Buffer.from(entry.bytes).toString('latin1') + ':');
}

function captured(text: string, headStart: number, slot: number): string | null {
  const start = starts[slot] as number;
  return start === -1 ? null : text.slice(start - headStart, (ends[slot] as number) - headStart);
}

/** The whole list of a header that may be spread over several lines. */
function capturedList(text: string, headStart: number, slot: number): string | null {
  const last = captured(text, headStart, slot);
  return last === null || !repeated ? last : earlier[slot] + last;
}
