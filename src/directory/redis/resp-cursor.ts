// Owns reading the framing of RESP, the protocol of Redis, from bytes: headers such as `$12` and where values end (redis.io, Redis serialization
// protocol). Both of its versions: in RESP3 a hash is a map.

/** The header is not complete. */
export const INCOMPLETE = -2;
/** The length of what is missing: `$-1`, `*-1`. */
const MISSING = -1;

const [CR, MINUS, DIGIT_0] = [0x0d, 0x2d, 0x30];
/** Types, by their first byte: `$`, `*`, `%`, `-`. */
export const [TEXT, LIST, MAP, ERROR] = [0x24, 0x2a, 0x25, 0x2d];
/** Further lists: `~`; texts: `=`, `!`. */
const [SET, VERBATIM, LONG_ERROR] = [0x7e, 0x3d, 0x21];

/** A place in bytes that hold values one behind the other. */
export class RespCursor {
  readonly bytes: Uint8Array;
  /** Where the next header, or the text of the header before, begins. */
  at: number;
  /** The type of the header that was read last. */
  type = 0;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Reads a header, of bytes up to `end`: its number, below 0 = nothing follows it, or {@link INCOMPLETE}. What is a line, such as an error, has some number. */
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

  /** Reads a text: its length; it begins at {@link at} then. -1 = there is none. Call {@link skip} behind it. */
  text(): number {
    const length = this.header();
    return this.type === TEXT && length >= 0 && this.at + length + 2 <= this.bytes.length ? length : MISSING;
  }

  /** Skips a text of this length, and its line end. */
  skip(length: number): void {
    this.at += length + 2;
  }

  /** How many texts the list or map holds whose header was read last; -1 = it is neither. */
  texts(number: number): number {
    if (this.type === LIST) return number;
    return this.type === MAP ? number * 2 : MISSING;
  }
}

/** How many values follow a header, as parts of the value that it begins. */
export function partsOf(type: number, number: number): number {
  if (number < 0) return 0;
  if (type === LIST || type === SET) return number;
  return type === MAP ? number * 2 : 0;
}

/** How many bytes follow a header, without a line end of theirs; -1 = none. */
export function bytesOf(type: number, number: number): number {
  return type === TEXT || type === VERBATIM || type === LONG_ERROR ? Math.max(number, MISSING) : MISSING;
}
