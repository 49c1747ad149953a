// Owns which deliveries were carried out already: the newest ones, in memory of bounded size.
// Threat: a delivery that was recorded and is sent again (replay).

const MOST = 10_000;

/** Deliveries by their id or digest. */
export class Repeats {
  private readonly until = new Map<string, number>();
  private readonly most: number;

  constructor(most = MOST) {
    this.most = most;
  }

  has(name: string, now: number): boolean {
    const end = this.until.get(name);
    return end !== undefined && end > now;
  }

  /** Remembers a delivery until `end`, on the clock of `now`. */
  add(name: string, end: number, now: number): void {
    this.until.delete(name);
    for (const [oldest, over] of this.until) {
      if (over > now && this.until.size < this.most) break;
      this.until.delete(oldest);
    }
    this.until.set(name, end);
  }
}
