// Owns writing a line of a stored record (stored-line.ts) as bytes, which become one text at its end. A text put together from many parts takes twice the time, and leaves
// as many objects to be collected. Values with escapes, or with characters that are no Latin-1, are left to line-values.ts.
import { codeAt } from '../text-methods.ts';

/** Longest line. Longer ones, such as those of users with many groups, are put together from parts. */
const MAX_BYTES = 8_192;
const [DIGIT_0, LETTER_A, TILDE, COMMA, SEPARATOR] = [0x30, 0x61, 0x7e, 0x2c, 0x7c];
const BASE = 36;
/** A number is written in two parts, of which the lower one has so many digits. */
const LOW_DIGITS = 5;
const LOW_VALUES = BASE ** LOW_DIGITS;
/** Of `Number.MAX_SAFE_INTEGER`. */
const MAX_DIGITS = 11;

/** 1 = the character with this code stands for itself. */
function plainCodes(reserved: string): Uint8Array {
  const codes = new Uint8Array(256);
  for (let code = 0; code < codes.length; code += 1)
    codes[code] = code < 0x20 || code === 0x7f || reserved.includes(String.fromCharCode(code)) ? 0 : 1;
  return codes;
}

const PLAIN = plainCodes('%|');
const PLAIN_IN_ITEMS = plainCodes('%|,~[');
/** The digits of numbers in base 36. */
const DIGITS = Uint8Array.from({ length: BASE }, (_, value) =>
  value < 10 ? DIGIT_0 + value : LETTER_A + value - 10,
);

/** A line that is being written. Its methods return false when they cannot write a value: then nothing of the line may be used. */
export class LineBytes {
  private readonly bytes = Buffer.alloc(MAX_BYTES);
  private size = 0;

  /** Begins a line. */
  begin(): void {
    this.size = 0;
  }

  /** Writes this many separators. */
  separators(count: number): boolean {
    const end = this.size + count;
    if (end > MAX_BYTES) return false;
    while (this.size < end) this.bytes[this.size++] = SEPARATOR;
    return true;
  }

  /** Writes one byte. */
  byte(code: number): boolean {
    if (this.size === MAX_BYTES) return false;
    this.bytes[this.size++] = code;
    return true;
  }

  /** Writes an integer of 0 or more in base 36. */
  number(value: number): boolean {
    if (!Number.isSafeInteger(value) || value < 0 || this.size + MAX_DIGITS > MAX_BYTES) return false;
    // Both parts have 32 bits at most: their divisions take a fraction of the time.
    const high = Math.floor(value / LOW_VALUES);
    const low = value - high * LOW_VALUES;
    if (high > 0) this.digits(high, 1);
    this.digits(low, high > 0 ? LOW_DIGITS : 1);
    return true;
  }

  /** Writes a number of 32 bits with at least so many digits. */
  private digits(value: number, least: number): void {
    let count = 1;
    for (let left = (value / BASE) | 0; left > 0; left = (left / BASE) | 0) count += 1;
    if (count < least) count = least;
    let at = this.size + count;
    this.size = at;
    let left = value | 0;
    for (let digit = 0; digit < count; digit += 1) {
      const next = (left / BASE) | 0;
      this.bytes[--at] = DIGITS[left - next * BASE] ?? 0;
      left = next;
    }
  }

  /** Writes a text that is not empty. */
  text(text: string): boolean {
    return text !== '' && this.part(text, 0, text.length, PLAIN);
  }

  /** Writes items, separated by `,`. */
  items(items: readonly string[], standing: string | null): boolean {
    for (let at = 0; at < items.length; at += 1)
      if ((at > 0 && !this.byte(COMMA)) || !this.item(items[at] ?? '', standing)) return false;
    return true;
  }

  /** Writes an item of a list. `~` stands for `standing`. */
  item(item: string, standing: string | null): boolean {
    if (item === '') return false;
    const at = standing === null || standing === '' ? -1 : item.indexOf(standing);
    if (at === -1) return this.part(item, 0, item.length, PLAIN_IN_ITEMS);
    const behind = at + (standing ?? '').length;
    return (
      this.part(item, 0, at, PLAIN_IN_ITEMS) &&
      this.byte(TILDE) &&
      this.part(item, behind, item.length, PLAIN_IN_ITEMS)
    );
  }

  /** The line. */
  end(): string {
    return this.bytes.toString('latin1', 0, this.size);
  }

  private part(text: string, from: number, end: number, plain: Uint8Array): boolean {
    const { bytes } = this;
    let { size } = this;
    if (size + end - from > MAX_BYTES) return false;
    for (let at = from; at < end; at += 1) {
      const code = codeAt(text, at);
      if (plain[code] !== 1) return false;
      bytes[size++] = code;
    }
    this.size = size;
    return true;
  }
}
