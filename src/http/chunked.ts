// Owns the strict scanner of chunked bodies (RFC 9112 7.1). Pure; fed in pieces, keeps only a few numbers.
// Threat: parsers disagree on where chunk extensions end (TERM.EXT attacks). EAS does not use extensions. Rule:
// requests with them are refused. In responses they are skipped (RFC 9112 7.1.1): only CRLF ends them, and they are
// never forwarded.
import { BYTE_CLASS, NAME_TOKEN, VALUE } from './characters.ts';

const SIZE = 0;
const SIZE_LF = 1;
const DATA = 2;
const DATA_CR = 3;
const DATA_LF = 4;
const TRAILER = 5;
const TRAILER_LF = 6;
const DONE = 7;
const FAILED = 8;
/** White space after a size: an extension or the end of the line must follow. */
const PADDING = 9;
const EXTENSION = 10;

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const SP = 0x20;
const HTAB = 0x09;

/** Largest chunk size: above every body limit and far below the loss of integer precision. */
const MAX_SIZE = 0xffff_ffff;
const MAX_SIZE_DIGITS = 8;
/** Longest size line, in octets, with padding and extensions. */
const MAX_SIZE_LINE = 4096;
/** Octets of a size line that do not count as excess: some servers pad sizes to 16 digits. */
const FREE_SIZE_LINE = 16;
/**
 * Limit on the size lines of a whole body, beyond the free octets and twice the payload. It stops endless extensions.
 */
const MAX_EXCESS = 16 * 1024;

/** What one step of the scanner found. */
export type ChunkStep =
  /** `payloadStart..payloadEnd` of the input is body data; call again from `next` */
  | 'data'
  /** the input is used up */
  | 'more'
  /** the body is complete; `next` is the first byte after it */
  | 'end'
  /** malformed */
  | 'invalid';

/** One chunked body; reusable after {@link ChunkScanner.reset}. */
export class ChunkScanner {
  payloadStart = 0;
  payloadEnd = 0;
  next = 0;
  /** Raw trailer lines, each ended by CRLF; at most `maxTrailerBytes`. */
  trailers = '';
  private state = SIZE;
  private remaining = 0;
  private digits = 0;
  /** Octets of the size line so far. */
  private sizeLine = 0;
  private excess = 0;
  private line = '';
  private readonly maxTrailerBytes: number;
  private readonly lenient: boolean;

  /** `extensions: 'skip'` also accepts padded sizes: leading zeros, or white space after the digits. */
  constructor(maxTrailerBytes: number, extensions: 'refuse' | 'skip') {
    this.maxTrailerBytes = maxTrailerBytes;
    this.lenient = extensions === 'skip';
  }

  reset(): void {
    this.state = SIZE;
    this.remaining = 0;
    this.digits = 0;
    this.sizeLine = 0;
    this.excess = 0;
    this.line = '';
    this.trailers = '';
  }

  /**
   * Scans `bytes[from..limit)`. Stops at the first stretch of payload, at the end of the body, or at the end of the
   * input.
   */
  step(bytes: Uint8Array, from: number, limit: number): ChunkStep {
    let at = from;
    while (at < limit) {
      const byte = bytes[at] as number;
      switch (this.state) {
        case SIZE: {
          const digit = hexDigit(byte);
          if (digit >= 0) {
            if (++this.digits > (this.lenient ? MAX_SIZE_LINE : MAX_SIZE_DIGITS)) return this.fail();
            this.remaining = this.remaining * 16 + digit;
            if (this.remaining > MAX_SIZE) return this.fail();
          } else if (this.digits === 0 || !this.endsSize(byte)) {
            return this.fail();
          }
          this.sizeLine++;
          at++;
          break;
        }
        case PADDING:
          if (!this.endsSize(byte) || ++this.sizeLine > MAX_SIZE_LINE) return this.fail();
          at++;
          break;
        case EXTENSION:
          if (byte === CR) this.state = SIZE_LF;
          else if (((BYTE_CLASS[byte] as number) & VALUE) === 0) return this.fail();
          if (++this.sizeLine > MAX_SIZE_LINE) return this.fail();
          at++;
          break;
        case SIZE_LF:
          if (byte !== LF) return this.fail();
          this.excess = Math.max(0, this.excess + this.sizeLine - FREE_SIZE_LINE - 2 * this.remaining);
          if (this.excess > MAX_EXCESS) return this.fail();
          this.sizeLine = 0;
          this.digits = 0;
          this.state = this.remaining === 0 ? TRAILER : DATA;
          at++;
          break;
        case DATA: {
          const length = Math.min(this.remaining, limit - at);
          this.payloadStart = at;
          this.payloadEnd = at + length;
          this.remaining -= length;
          if (this.remaining === 0) this.state = DATA_CR;
          this.next = this.payloadEnd;
          return 'data';
        }
        case DATA_CR:
          if (byte !== CR) return this.fail();
          this.state = DATA_LF;
          at++;
          break;
        case DATA_LF:
          if (byte !== LF) return this.fail();
          this.state = SIZE;
          at++;
          break;
        case TRAILER:
          if (byte === CR) {
            this.state = TRAILER_LF;
          } else {
            if (((BYTE_CLASS[byte] as number) & VALUE) === 0) return this.fail();
            if (this.trailers.length + this.line.length >= this.maxTrailerBytes) return this.fail();
            this.line += String.fromCharCode(byte);
          }
          at++;
          break;
        case TRAILER_LF:
          if (byte !== LF) return this.fail();
          at++;
          if (this.line === '') {
            this.state = DONE;
            this.next = at;
            return 'end';
          }
          if (!isFieldLine(this.line)) return this.fail();
          this.trailers += this.line + '\r\n';
          this.line = '';
          this.state = TRAILER;
          break;
        default:
          return this.fail();
      }
    }
    this.next = at;
    return 'more';
  }

  /** Handles the octet after the digits of a size or after the padding; false when that octet is not allowed there. */
  private endsSize(byte: number): boolean {
    if (byte === CR) this.state = SIZE_LF;
    else if (!this.lenient) return false;
    else if (byte === SP || byte === HTAB) this.state = PADDING;
    else if (byte === SEMICOLON) this.state = EXTENSION;
    else return false;
    return true;
  }

  private fail(): ChunkStep {
    this.state = FAILED;
    return 'invalid';
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const folded = byte | 0x20;
  if (folded >= 0x61 && folded <= 0x66) return folded - 0x57;
  return -1;
}

/** Trailers that would change framing or routing are refused (RFC 9110 6.5.1). */
const FORBIDDEN_TRAILERS = [
  'content-length',
  'transfer-encoding',
  'host',
  'authorization',
  'connection',
  'trailer',
  'te',
  'upgrade',
  'set-cookie',
];

function isFieldLine(line: string): boolean {
  const colon = line.indexOf(':');
  if (colon <= 0) return false;
  for (let index = 0; index < colon; index++) {
    const code = line.charCodeAt(index);
    if (code === COLON || ((BYTE_CLASS[code] ?? 0) & NAME_TOKEN) === 0) return false;
  }
  return !FORBIDDEN_TRAILERS.includes(line.slice(0, colon).toLowerCase());
}
