// Owns names that are numbered in the order in which they come, their texts packed into bytes: some 20 bytes and the length of the name for each, which
// the collector of garbage need not look at.
import { Buffer } from 'node:buffer';
import { NONE, NameIndex } from '../name-index.ts';
import { NumberColumn } from '../number-lists.ts';

/** Bytes of one piece; a power of two. */
const PIECE = 65_536;
/** Before each text: its bytes, doubled, and whether a letter of it takes two. */
const HEAD = 4;
/** Letters of one byte each. */
const NARROW = /^[\0-\u00ff]*$/;

/** Names by number, and numbers by name. Two names are taken for one where their hashes are equal (name-index.ts). */
export class NumberedNames {
  private readonly numbers = new NameIndex();
  /** By number: the piece and the place in it, as one number without a sign. */
  private readonly starts = new NumberColumn();
  private readonly pieces: Buffer[] = [];
  /** Bytes of the last piece that are taken. */
  private taken = PIECE;

  get size(): number {
    return this.numbers.size;
  }

  /** The number of a name, from 0; {@link NONE} = it has none. */
  numberOf(name: string): number {
    return this.numbers.get(name);
  }

  /** The name of a number below {@link size}. */
  nameAt(number: number): string {
    const start = this.starts.get(number) >>> 0;
    const piece = this.pieces[Math.floor(start / PIECE)];
    if (piece === undefined) throw new RangeError('no name has this number');
    const at = start % PIECE;
    const head = piece.readUInt32LE(at);
    const from = at + HEAD;
    return piece.toString(head % 2 === 0 ? 'latin1' : 'utf16le', from, from + Math.floor(head / 2));
  }

  /** The number of a name, which it gets now if it has none. */
  add(name: string): number {
    const known = this.numbers.get(name);
    if (known !== NONE) return known;
    const number = this.numbers.size;
    this.numbers.set(name, number);
    this.starts.set(number, this.write(name));
    return number;
  }

  private write(name: string): number {
    const isNarrow = NARROW.test(name);
    const length = isNarrow ? name.length : name.length * 2;
    if (this.taken + HEAD + length > PIECE) {
      // A name that is longer than a piece is alone in one of its own.
      this.pieces.push(Buffer.allocUnsafeSlow(Math.max(PIECE, HEAD + length)));
      this.taken = 0;
    }
    const piece = this.pieces.at(-1) ?? Buffer.alloc(0);
    const at = this.taken;
    piece.writeUInt32LE(length * 2 + Number(!isNarrow), at);
    piece.write(name, at + HEAD, isNarrow ? 'latin1' : 'utf16le');
    this.taken += HEAD + length;
    return (this.pieces.length - 1) * PIECE + at;
  }
}
