// Owns the strict scanner of chunked bodies (RFC 9112 7.1). Pure; fed piecewise, keeps only a few numbers.
// Chunk extensions are refused: they mean nothing to EAS and every parser ends them differently (TERM.EXT attacks).
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

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;

/** 2^32 - 1 at most: more than any body limit, far from precision loss. */
const MAX_SIZE_DIGITS = 8;

/** What one step of the scanner found. */
export type ChunkStep =
  /** `payloadStart..payloadEnd` of the input is body data; call again from `next` */
  | 'data'
  /** the input is used up */
  | 'more'
  /** the body is complete; `next` is the first byte behind it */
  | 'end'
  /** malformed */
  | 'invalid';

/** One chunked body; reusable after {@link ChunkScanner.reset}. */
export class ChunkScanner {
  payloadStart = 0;
  payloadEnd = 0;
  next = 0;
  /** Trailer lines as they came, each ended by CRLF; at most `maxTrailerBytes`. */
  trailers = '';
  private state = SIZE;
  private remaining = 0;
  private digits = 0;
  private line = '';
  private readonly maxTrailerBytes: number;

  constructor(maxTrailerBytes: number) {
    this.maxTrailerBytes = maxTrailerBytes;
  }

  reset(): void {
    this.state = SIZE;
    this.remaining = 0;
    this.digits = 0;
    this.line = '';
    this.trailers = '';
  }

  /** Looks at `bytes[from..limit)`; stops at the first stretch of payload, at the end, or when the input is used up. */
  step(bytes: Uint8Array, from: number, limit: number): ChunkStep {
    let at = from;
    while (at < limit) {
      const byte = bytes[at] as number;
      switch (this.state) {
        case SIZE: {
          const digit = hexDigit(byte);
          if (digit >= 0) {
            if (++this.digits > MAX_SIZE_DIGITS) return this.fail();
            this.remaining = this.remaining * 16 + digit;
            at++;
          } else if (byte === CR && this.digits > 0) {
            this.state = SIZE_LF;
            at++;
          } else {
            return this.fail();
          }
          break;
        }
        case SIZE_LF:
          if (byte !== LF) return this.fail();
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

/** Trailers that would change framing or routing after the fact are refused (RFC 9110 6.5.1). */
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
