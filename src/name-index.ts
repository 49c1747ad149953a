// Owns compact tables of names: a name's 64-bit hash and a number, 12 bytes in typed arrays, in place of some hundred bytes of text and
// map. A directory of half a million devices has three million names.
// Threat: a phone reports a name whose hash equals that of another one. The hash is seeded with secrets of this process, and no hash leaves it.
// A collision among a million names has a probability of one in ten million.
import { randomBytes } from 'node:crypto';
import { codeAt } from './text-methods.ts';

/** The name is not there. */
export const NONE = -1;

const SEEDS = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);
const FIRST_SIZE = 1_024;
/** A table grows when more than so many tenths of its places are taken. */
const FULL = 7;

/** Numbers by name. The numbers are not below -2. */
export class NameIndex {
  private low = new Uint32Array(FIRST_SIZE);
  private high = new Uint32Array(FIRST_SIZE);
  /** 0 = the place is free; else the number and 3. */
  private values = new Int32Array(FIRST_SIZE);
  private count = 0;
  /** Both halves of the hash of the name that was hashed last. */
  private a = 0;
  private b = 0;

  get size(): number {
    return this.count;
  }

  /** The number of a name; {@link NONE} = it has none. */
  get(name: string): number {
    this.hash(name);
    const value = this.values[this.placeOf()] ?? 0;
    return value === 0 ? NONE : value - 3;
  }

  set(name: string, number: number): void {
    if (this.count * 10 >= this.values.length * FULL) this.grow();
    this.hash(name);
    const place = this.placeOf();
    if (this.values[place] === 0) this.count++;
    this.low[place] = this.a;
    this.high[place] = this.b;
    this.values[place] = number + 3;
  }

  /** Where the name that was hashed last is, or a free place for it. */
  private placeOf(): number {
    const { low, high, values, a, b } = this;
    const mask = values.length - 1;
    let place = a & mask;
    while (values[place] !== 0 && (low[place] !== a || high[place] !== b)) place = (place + 1) & mask;
    return place;
  }

  private grow(): void {
    const { low, high, values } = this;
    const size = values.length * 2;
    this.low = new Uint32Array(size);
    this.high = new Uint32Array(size);
    this.values = new Int32Array(size);
    for (const [place, value] of values.entries()) {
      if (value === 0) continue;
      this.a = low[place] ?? 0;
      this.b = high[place] ?? 0;
      const at = this.placeOf();
      this.low[at] = this.a;
      this.high[at] = this.b;
      this.values[at] = value;
    }
  }

  /** Two multiplicative hashes that are mixed at the end, as MurmurHash3 does (its constants, and those of xxHash). */
  private hash(name: string): void {
    let a = SEEDS[0] ?? 0;
    let b = SEEDS[1] ?? 0;
    for (let at = 0; at < name.length; at++) {
      const code = codeAt(name, at);
      a = Math.imul(a ^ code, 0x9e37_79b1);
      b = Math.imul(b ^ code, 0x85eb_ca77);
      b ^= b >>> 15;
    }
    a = Math.imul(a ^ (a >>> 16), 0x85eb_ca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2_ae35);
    b = Math.imul(b ^ (b >>> 16), 0x85eb_ca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2_ae35);
    this.a = (a ^ (a >>> 16)) >>> 0;
    this.b = (b ^ (b >>> 16)) >>> 0;
  }
}

/** A set of names. */
export class NameSet {
  private readonly index = new NameIndex();

  get size(): number {
    return this.index.size;
  }

  add(name: string): void {
    this.index.set(name, 0);
  }

  has(name: string): boolean {
    return this.index.get(name) !== NONE;
  }
}
