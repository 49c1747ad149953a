// Owns the ids of rows that a full read found, one bit each: the others are gone. Pure.

/** Which of the ids up to a highest one were found: one bit each. */
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

  /** The others, in order. */
  *missing(): Iterable<number> {
    for (let id = 1; id <= this.last; id += 1)
      if (((this.bits[id >> 3] ?? 0) & (1 << (id & 7))) === 0) yield id;
  }
}
