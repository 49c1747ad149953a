// Owns the set of row ids that a full read of the directory found; rows with other ids are deleted. Pure.

/** A set of the ids from 1 to a fixed highest one, one bit each. */
export class IdSet {
  private readonly last: number;
  private readonly bits: Uint8Array;

  constructor(last: number) {
    this.last = last;
    this.bits = new Uint8Array(Math.floor(last / 8) + 1);
  }

  add(id: number): void {
    if (id < 1 || id > this.last) return;
    const at = id >> 3;
    this.bits[at] = (this.bits[at] ?? 0) | (1 << (id & 7));
  }

  /** The ids that were not added, in ascending order. */
  *missing(): Iterable<number> {
    for (let id = 1; id <= this.last; id += 1)
      if (((this.bits[id >> 3] ?? 0) & (1 << (id & 7))) === 0) yield id;
  }
}
