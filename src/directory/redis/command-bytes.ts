// Owns a command for Redis as bytes (redis.io, Redis serialization protocol).

const FIRST_SIZE = 65_536;
/** A text up to this length is written byte by byte: that takes less time than a call of the buffer. */
const SHORT = 24;
/** Bytes of a header at most, and of a line end. */
const AROUND = 16;
/** Bytes of a UTF-16 unit in UTF-8, at most. */
const MAX_BYTES = 3;
const [STAR, DOLLAR, CR, LF, DIGIT_0] = [0x2a, 0x24, 0x0d, 0x0a, 0x30];

/** Writes commands into one buffer, which is used again. */
export class CommandBytes {
  private bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  private size = 0;

  /** The command with these words, in the buffer: the next call overwrites it. */
  command(...words: readonly (readonly string[])[]): Uint8Array {
    this.size = 0;
    let count = 0;
    for (const some of words) count += some.length;
    this.header(STAR, count);
    for (const some of words) for (let at = 0; at < some.length; at += 1) this.word(some[at] ?? '');
    return this.bytes.subarray(0, this.size);
  }

  private word(text: string): void {
    const { length } = text;
    this.reserve(length * MAX_BYTES + AROUND);
    const from = this.size;
    // Most texts are ASCII: the length is known before they are written.
    this.header(DOLLAR, length);
    const end = this.body(text);
    if (end !== this.size + length) {
      this.size = from;
      this.header(DOLLAR, Buffer.byteLength(text));
      this.size += this.bytes.write(text, this.size);
    } else this.size = end;
    this.lineEnd();
  }

  /** Writes a text at {@link size}. Returns where it ends. */
  private body(text: string): number {
    const { bytes, size } = this;
    const { length } = text;
    if (length > SHORT) return size + bytes.write(text, size);
    for (let at = 0; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) return size + bytes.write(text, size);
      bytes[size + at] = code;
    }
    return size + length;
  }

  private header(type: number, value: number): void {
    const { bytes } = this;
    this.reserve(AROUND);
    bytes[this.size++] = type;
    let digits = 1;
    for (let left = value; left >= 10; left = Math.floor(left / 10)) digits += 1;
    let at = this.size + digits;
    this.size = at;
    let left = value;
    for (let digit = 0; digit < digits; digit += 1) {
      const next = Math.floor(left / 10);
      bytes[--at] = DIGIT_0 + left - next * 10;
      left = next;
    }
    this.lineEnd();
  }

  private lineEnd(): void {
    this.bytes[this.size++] = CR;
    this.bytes[this.size++] = LF;
  }

  private reserve(count: number): void {
    if (this.size + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.size + count, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.size);
    this.bytes = larger;
  }
}
