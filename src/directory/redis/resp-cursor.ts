// Owns reading the framing of RESP, the protocol of Redis, from bytes: headers such as `$12` and where values end (redis.io, Redis serialization
// protocol). Both of its versions: in RESP3 a hash is a map.

/** The header is not complete. */
export const INCOMPLETE = -2;
/** The length of what is missing: `$-1`, `*-1`. */
const MISSING = -1;

const [CR, MINUS, DIGIT_0] = [0x0d, 0x2d, 0x30];
/** Types, by their first byte: `*`, `-`; `$`, `%`. */
export const [LIST, ERROR] = [0x2a, 0x2d];
const [TEXT, MAP] = [0x24, 0x25];
/** Further lists: `~`; texts: `=`, `!`. */
const [SET, VERBATIM, LONG_ERROR] = [0x7e, 0x3d, 0x21];

/** A position in bytes that hold values one after the other. */
export class RespCursor {
  readonly bytes: Uint8Array;
  /** Where the next header begins, or the text whose header was read last. */
  at: number;
  /** The type of the header that was read last. */
  type = 0;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /**
   * Reads a header in the bytes up to `end` and returns its number: below 0 = nothing follows it; {@link INCOMPLETE} = its end is missing. The
   * number of a line without one, such as an error, means nothing.
   */
  header(end = this.bytes.length): number {
    const { bytes } = this;
    const from = this.at;
    let value = 0;
    let at = from + 1;
    for (; at < end; at += 1) {
      const code = bytes[at] ?? 0;
      if (code === CR) break;
      value = value * 10 + code - DIGIT_0;
    }
    if (at + 1 >= end) return INCOMPLETE;
    this.type = bytes[from] ?? 0;
    this.at = at + 2;
    return bytes[from + 1] === MINUS ? MISSING : value;
  }

  /**
   * Reads the header of a text and returns the length of the text, which begins at {@link at}; -1 = no whole text is there. Call {@link skip} when
   * the text was used.
   */
  text(): number {
    const length = this.header();
    return this.type === TEXT && length >= 0 && this.at + length + 2 <= this.bytes.length ? length : MISSING;
  }

  /** Skips a text of this length, and its line end. */
  skip(length: number): void {
    this.at += length + 2;
  }

  /** How many texts are in the list or map whose header was read last, with this number; -1 = it is neither. */
  texts(number: number): number {
    if (this.type === LIST) return number;
    return this.type === MAP ? number * 2 : MISSING;
  }
}

/** How many values are parts of the value that begins with this header. */
export function partsOf(type: number, number: number): number {
  if (number < 0) return 0;
  if (type === LIST || type === SET) return number;
  return type === MAP ? number * 2 : 0;
}

/** How many bytes the text behind a header has, without its line end; -1 = no text follows. */
export function bytesOf(type: number, number: number): number {
  return type === TEXT || type === VERBATIM || type === LONG_ERROR ? Math.max(number, MISSING) : MISSING;
}

/** The error about a reply that is not what the command returns. */
export function unexpectedReply(): Error {
  return new Error('Redis answered a read with something else');
}
