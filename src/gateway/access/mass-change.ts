// Owns the effect of a changed policy on open requests. They are checked in slices of a few milliseconds. New restrictions apply
// at once; phones that get access again are released at a limited rate, because each loads its mailbox from the mail server anew.
import { monotonicNow } from '../../clock.ts';
import type { Revalidated, RevalidationQueue } from './revalidation.ts';

/** How the verdict of an open request changes, by the facts in memory. */
export type PolicyEffect = 'same' | 'restricts' | 'releases';

/** A request whose verdict the new policy may change. */
export interface Concerned extends Revalidated {
  /** Decides again, without I/O. Drops the verdict of a request that is still read or checked: it is then looked up anew. */
  weigh(): PolicyEffect;
}

/** Releases that are allowed at once; only more than these are spread. */
const BURST = 200;
/** Most requests checked in one turn of the event loop, and the longest time for it. */
const SLICE = 256;
const SLICE_MS = 5;

/** The rate of releases: {@link BURST} at once, then `perSecond`. */
export class ReleasePace {
  private readonly perSecond: number;
  private tokens = BURST;
  private at = -Infinity;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Whether one more phone may be released now, in clock milliseconds. */
  take(now: number): boolean {
    const refill = Math.max(0, now - this.at) * (this.perSecond / 1_000);
    this.tokens = Math.min(BURST, this.tokens + refill);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

/** The change of policy in progress; the next one replaces it. */
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

  /** Begins to check these requests in the next turn of the event loop. */
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
