// Owns how many look-ups of open exchanges may be under way: as many as a directory can answer at a set pace, by the time that its fastest answer takes. With
// one that is near, a few: the results of all of them may arrive in one turn of the event loop, and requests wait for this turn. With a
// distant one, more, so that its way is no limit. What is not answered takes no place from the others for long.

/** Aimed at, look-ups a millisecond: 9,000 polls are decided again in three quarters of a second. */
const PACE = 12;
/** As many as are asked in one call. */
const LEAST = 16;
/** Enough for a round trip of ten milliseconds. */
const MOST = 128;
/** Under way until the first answer; and most under way, the late ones among them, while answers are fast. */
const UNMEASURED = 64;
/** A look-up without an answer for so long takes no place any more: the directory, or one part of it, is away or slow. */
export const LATE_MS = 25;
/** How long the fastest answer counts: a server may have moved. */
const MEASURED_MS = 1_000;

/** Look-ups that began together. */
export interface Begun {
  readonly at: number;
  open: number;
  isLate: boolean;
}

/** Counts look-ups under way. Times are monotonic milliseconds. */
export class LookupWindow {
  private size = UNMEASURED;
  /** Those that are not late, the oldest first. */
  private readonly begun = new Set<Begun>();
  private inTime = 0;
  private late = 0;
  private fastest = Infinity;
  private measuredAt = 0;

  /** How many may begin. */
  free(now: number): number {
    for (const one of this.begun) {
      if (now - one.at < LATE_MS) break;
      one.isLate = true;
      this.inTime -= one.open;
      this.late += one.open;
      this.begun.delete(one);
    }
    const places = Math.max(UNMEASURED, this.size);
    return Math.min(this.size - this.inTime, places - this.inTime - this.late);
  }

  /** The next ones begin together: {@link take} a place for each of them. `isLate`: they were asked about in vain before. */
  begin(now: number, isLate: boolean): Begun {
    const one: Begun = { at: now, open: 0, isLate };
    // What was measured while others were under way may be the time that they took.
    if (this.inTime + this.late === 0 || now - this.measuredAt >= MEASURED_MS) this.fastest = Infinity;
    return one;
  }

  take(one: Begun): void {
    one.open += 1;
    if (one.isLate) {
      this.late += 1;
      return;
    }
    this.inTime += 1;
    this.begun.add(one);
  }

  /** The directory answered one of these look-ups. */
  note(one: Begun, now: number): void {
    const took = now - one.at;
    if (took >= this.fastest) return;
    this.fastest = took;
    this.measuredAt = now;
    this.size = Math.min(MOST, Math.max(LEAST, Math.ceil(took * PACE)));
  }

  /** Returns a place. */
  leave(one: Begun): void {
    one.open -= 1;
    if (one.isLate) this.late -= 1;
    else this.inTime -= 1;
    if (one.open === 0) this.begun.delete(one);
  }

  /** Whether look-ups are under way that may become late. */
  get mayFree(): boolean {
    return this.inTime > 0;
  }
}
