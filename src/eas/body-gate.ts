// Owns the checks of a request body: content type, WBXML header, root element. Pure; hot path.
// Threat: SOGo runs the command that the root element names, not the one in `Cmd=` (SOGoActiveSyncDispatcher.m).
import { constants, inflateRawSync } from 'node:zlib';
import { commandByName } from './commands.ts';
import type { CommandInfo, EasCommand } from './commands.ts';
import { ATTRIBUTES, HEADER, SWITCH_PAGE, TAG } from './wbxml/tokens.ts';

/** The kind of a body. */
export type BodyContent = 'empty' | 'wbxml' | 'gzip-wbxml' | 'rfc822';

/** Why a body was refused. */
export type BodyErrorCode =
  | 'EASGATE_CONTENT_TYPE'
  | 'EASGATE_CONTENT_ENCODING'
  | 'EASGATE_BODY_MISSING'
  | 'EASGATE_BODY_NOT_WBXML'
  | 'EASGATE_BODY_ROOT'
  | 'EASGATE_BODY_GZIP';

/** The content type that all phones send. */
const WBXML_TYPE = 'application/vnd.ms-sync.wbxml';
/** Longest prefix of a gzip-coded body in which the root must appear. */
const GZIP_PREFIX = 4096;
const GZIP_HEADER = 10;
/** A shorter beginning of a gzip-coded body is not inflated: more of it follows soon. */
const GZIP_START = 64;
/** More than one byte of input can expand to, and more than the default chunk of zlib. */
const MAX_INFLATED = 16 * 1024;
/** Bytes of a body up to its root token: header 4, SWITCH_PAGE 2, token 1. */
const ROOT_END = 7;

/**
 * Determines the kind of body from the headers. `bodyEmpty` = no body was announced. A body without a Content-Type is
 * read as WBXML: it must begin as such, and the root element must be the one that the command names.
 */
export function contentOf(
  command: CommandInfo,
  version: string | null,
  contentType: string | null,
  contentEncoding: string | null,
  bodyEmpty: boolean,
): BodyContent | BodyErrorCode {
  if (bodyEmpty) return command.emptyBody ? 'empty' : 'EASGATE_BODY_MISSING';
  const type = contentType === null || contentType === WBXML_TYPE ? WBXML_TYPE : essenceOf(contentType);
  if (type === 'message/rfc822') {
    // 14.0 and later carry mail inside WBXML (MS-ASCMD 2.2.1.17).
    if (!command.rfc822 || version === null || !isBefore14(version)) return 'EASGATE_CONTENT_TYPE';
    return contentEncoding === null ? 'rfc822' : 'EASGATE_CONTENT_ENCODING';
  }
  if (type !== WBXML_TYPE && type !== 'application/vnd.ms-sync') return 'EASGATE_CONTENT_TYPE';
  if (command.page === -1) return 'EASGATE_BODY_NOT_WBXML';
  if (contentEncoding === null || contentEncoding.toLowerCase() === 'identity') return 'wbxml';
  const coding = contentEncoding.toLowerCase();
  return coding === 'gzip' || coding === 'x-gzip' ? 'gzip-wbxml' : 'EASGATE_CONTENT_ENCODING';
}

/** A charset and nothing else: a server that searches the value for another type must not find one. */
const CHARSET = /^ ?; ?(?:charset="?[a-z0-9-]{1,20}"?)?$/;
/** Longer values are not read. */
const MAX_TYPE = 80;

/**
 * The lower-case type of a Content-Type without its charset; the whole value when it has other parameters. HTTP libraries
 * append the charset on their own (.NET StringContent; XMLHttpRequest, WHATWG 4.5.6), and servers ignore it.
 */
function essenceOf(contentType: string): string {
  const folded = contentType.slice(0, MAX_TYPE).toLowerCase();
  const semicolon = folded.indexOf(';');
  if (semicolon === -1 || contentType.length > MAX_TYPE) return folded;
  const end = folded.charCodeAt(semicolon - 1) === 0x20 ? semicolon - 1 : semicolon;
  return CHARSET.test(folded.slice(end)) ? folded.slice(0, end) : folded;
}

function isBefore14(version: string): boolean {
  return version === '2.5' || version === '12.0' || version === '12.1';
}

/** Checks the beginning of a body; `complete` = `bytes` is the whole body. */
export function checkBodyStart(
  content: BodyContent,
  command: EasCommand | null,
  bytes: Buffer | null,
  complete: boolean,
): 'ok' | 'need-more' | BodyErrorCode {
  if (content === 'rfc822' || command === null) return 'ok';
  const length = bytes === null ? 0 : bytes.length;
  const info = commandByName(command);
  if (info === undefined) return 'EASGATE_BODY_ROOT';
  if (length === 0) {
    if (!complete) return 'need-more';
    return info.emptyBody ? 'ok' : 'EASGATE_BODY_MISSING';
  }
  if (content === 'empty' || bytes === null) return 'EASGATE_BODY_ROOT';
  if (content === 'wbxml') return checkRoot(bytes, length, complete, info);
  if (!complete && length < GZIP_START) return 'need-more';
  const inflated = inflatePrefix(bytes);
  if (inflated === null) return 'EASGATE_BODY_GZIP';
  if (inflated.length < ROOT_END && !complete && length < GZIP_PREFIX) return 'need-more';
  return checkRoot(inflated, inflated.length, true, info);
}

/** Header `03 01 6A 00`, at most one SWITCH_PAGE, then the token of the root with or without content (WBXML 1.3, 5). */
function checkRoot(
  bytes: Uint8Array,
  length: number,
  complete: boolean,
  info: CommandInfo,
): 'ok' | 'need-more' | BodyErrorCode {
  for (let index = 0; index < HEADER.length; index++) {
    if (index >= length) return complete ? 'EASGATE_BODY_NOT_WBXML' : 'need-more';
    if (bytes[index] !== HEADER[index]) return 'EASGATE_BODY_NOT_WBXML';
  }
  let at = 4;
  let page = 0;
  if (length > 4 && bytes[4] === SWITCH_PAGE) {
    if (length < 6) return complete ? 'EASGATE_BODY_NOT_WBXML' : 'need-more';
    page = bytes[5] as number;
    at = 6;
  }
  if (at >= length) return complete ? 'EASGATE_BODY_NOT_WBXML' : 'need-more';
  const token = bytes[at] as number;
  if ((token & ATTRIBUTES) !== 0 || page !== info.page || (token & TAG) !== info.token)
    return 'EASGATE_BODY_ROOT';
  return 'ok';
}

/**
 * Inflates the beginning of a gzip-coded body; null = not gzip as clients write it. Optional header fields are refused,
 * and only the first member is read: decoders differ on both. Deflate expands up to 1032 times, so the prefix is
 * bisected towards one that yields the root and not megabytes.
 */
function inflatePrefix(bytes: Buffer): Buffer | null {
  if (bytes.length < GZIP_HEADER + 1) return EMPTY;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8 || bytes[3] !== 0) return null;
  let tooShort = GZIP_HEADER;
  let tooLong = Math.min(bytes.length, GZIP_PREFIX) + 1;
  let end = tooLong - 1;
  for (;;) {
    const found = inflateUpTo(bytes, end);
    if (found === null) return null;
    if (found === 'too long') tooLong = end;
    else if (found.length >= ROOT_END || end + 1 >= tooLong) return found;
    else tooShort = end;
    end = (tooShort + tooLong) >> 1;
    // One byte of input is at most 1032 of output.
    if (end === tooShort) return null;
  }
}

function inflateUpTo(bytes: Buffer, end: number): Buffer | 'too long' | null {
  try {
    return inflateRawSync(bytes.subarray(GZIP_HEADER, end), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX_INFLATED,
    });
  } catch (error) {
    const long = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    return long ? 'too long' : null;
  }
}

const EMPTY = Buffer.alloc(0);
