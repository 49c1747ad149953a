// Owns compact tables of names: a name's 64-bit hash and a number, 12 bytes in typed arrays, in place of some hundred bytes of text and
// map. A directory of half a million devices has three million names.
// Threat: a phone reports a name whose hash equals that of another one. The hash is seeded with secrets of this process, and no hash leaves it.
// A collision among a million names has a probability of one in ten million.
import { randomBytes } from 'node:crypto';
import { codeAt } from './text-methods.ts';

/** The name is not there. */
export const NONE = -1;

const SEEDS = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);
/** A power of two. */
const FIRST_SIZE = 1_024;
/** Numbers that one place in the table takes. */
const WORDS = 3;
/** A table grows when more than so many tenths of its places are taken. */
const FULL = 7;

/** Numbers by name. The numbers are not below -2. */
export class NameIndex {
  /**
   * For each place both halves of a hash, and then 0 = the place is free, else the number plus 3. They are side by side, since the caches of the
   * processor hold few of the places: looking for a name waits for memory once, not three times.
   */
  private places = new Int32Array(FIRST_SIZE * WORDS);
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
    const value = this.places[this.placeOf() + 2] ?? 0;
    return value === 0 ? NONE : value - 3;
  }

  set(name: string, number: number): void {
    if (this.count * WORDS * 10 >= this.places.length * FULL) this.grow();
    this.hash(name);
    const place = this.placeOf();
    if (this.places[place + 2] === 0) this.count++;
    this.fill(place, number + 3);
  }

  /** Where the name that was hashed last is, or a free place for it. */
  private placeOf(): number {
    const { places, a, b } = this;
    const mask = places.length / WORDS - 1;
    let at = a & mask;
    for (;;) {
      const place = at * WORDS;
      if (places[place + 2] === 0 || (places[place] === a && places[place + 1] === b)) return place;
      at = (at + 1) & mask;
    }
  }

  private fill(place: number, value: number): void {
    this.places[place] = this.a;
    this.places[place + 1] = this.b;
    this.places[place + 2] = value;
  }

  private grow(): void {
    const { places } = this;
    this.places = new Int32Array(places.length * 2);
    for (let place = 0; place < places.length; place += WORDS) {
      const value = places[place + 2] ?? 0;
      if (value === 0) continue;
      this.a = places[place] ?? 0;
      this.b = places[place + 1] ?? 0;
      this.fill(this.placeOf(), value);
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
    this.a = a ^ (a >>> 16);
    this.b = b ^ (b >>> 16);
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
