// Owns numbers by number in typed arrays: one, or several, for each of very many users, groups or devices. A map with a list for each takes some
// hundred bytes.

const FIRST_SIZE = 1_024;

/** One whole number for each place, 4 bytes; 0 where none was set. */
export class NumberColumn {
  private values = new Int32Array(FIRST_SIZE);

  get(place: number): number {
    return this.values[place] ?? 0;
  }

  set(place: number, value: number): void {
    if (place >= this.values.length) {
      const grown = new Int32Array(Math.max(place + 1, this.values.length * 2));
      grown.set(this.values);
      this.values = grown;
    }
    this.values[place] = value;
  }
}

/** Several numbers for each place: 4 bytes for a place, 8 for each of its numbers. */
export class NumberLists {
  /** By place: its newest entry, from 1; 0 = it has none. */
  private readonly newest = new NumberColumn();
  /** By entry: the entry before it at its place, and its number. */
  private readonly before = new NumberColumn();
  private readonly numbers = new NumberColumn();
  private entries = 0;

  /** How many numbers all places have. */
  get size(): number {
    return this.entries;
  }

  add(place: number, number: number): void {
    const entry = ++this.entries;
    this.numbers.set(entry, number);
    this.before.set(entry, this.newest.get(place));
    this.newest.set(place, entry);
  }

  has(place: number): boolean {
    return this.newest.get(place) !== 0;
  }

  /** The numbers of a place, the newest first. */
  *of(place: number): Generator<number> {
    for (let entry = this.newest.get(place); entry !== 0; entry = this.before.get(entry))
      yield this.numbers.get(entry);
  }
}
