// Owns the effect of a new policy on open requests: processed in batches, restrictions at once, releases at a limited rate, so
// that thousands of phones that synchronise again do not overload the mail server.
import { monotonicNow } from '../../clock.ts';
import type { Revalidated, RevalidationQueue } from './revalidation.ts';

/** The effect of a new policy on an open request, by cached facts. */
export type PolicyEffect = 'same' | 'restricts' | 'releases';

/** An open request that a new policy may affect. */
export interface Concerned extends Revalidated {
  /** Synchronous. A request that is not held yet gets its decision later anyway. */
  weigh(): PolicyEffect;
}

/** Number of releases that are allowed at once. */
const BURST = 200;
/** Most requests processed in one turn of the event loop, and the longest time for them. */
const SLICE = 256;
const SLICE_MS = 5;

/** Limits the releases: {@link BURST} at once, then a number per second. */
export class ReleasePace {
  private readonly perSecond: number;
  private tokens = BURST;
  private at = -Infinity;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Whether one more phone may be released at `now` (clock milliseconds). */
  take(now: number): boolean {
    const refill = Math.max(0, now - this.at) * (this.perSecond / 1_000);
    this.tokens = Math.min(BURST, this.tokens + refill);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

/** The policy change in progress; a later one replaces it. */
export class MassChange {
  private readonly queue: RevalidationQueue;
  private readonly pace: ReleasePace;
  private concerned: readonly Concerned[] = [];
  private next = 0;
  private releases: Concerned[] = [];
  private scheduled = false;

  constructor(queue: RevalidationQueue, pace: ReleasePace) {
    this.queue = queue;
    this.pace = pace;
  }

  /** Number of requests that wait for their release. */
  get waiting(): number {
    return this.releases.length;
  }

  /** Starts processing all of them in the next turn of the event loop. */
  begin(concerned: readonly Concerned[]): void {
    this.concerned = concerned;
    this.next = 0;
    this.releases = [];
    this.schedule();
  }

  /** Releases as many as the rate allows; called a few times a second. `now` in clock milliseconds. */
  sweep(now: number): void {
    if (this.releases.length === 0 || this.scheduled) return;
    let count = 0;
    while (count < this.releases.length && this.pace.take(now)) count++;
    for (const one of this.releases.splice(0, count)) this.queue.add(one);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.slice();
    });
  }

  private slice(): void {
    const end = monotonicNow() + SLICE_MS;
    for (let left = SLICE; left > 0 && this.next < this.concerned.length; left--) {
      const one = this.concerned[this.next++];
      const effect = one?.weigh();
      if (one !== undefined && effect === 'restricts') this.queue.add(one);
      else if (one !== undefined && effect === 'releases') this.releases.push(one);
      if (monotonicNow() >= end) break;
    }
    if (this.next < this.concerned.length) this.schedule();
    else this.concerned = [];
  }
}
