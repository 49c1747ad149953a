// Owns what another policy changes for open requests: looked at in slices, restrictions at once, releases at a pace, so that
// thousands of phones that fetch their mail anew do not sink the mail server.
import { monotonicNow } from '../../clock.ts';
import type { Revalidated, RevalidationQueue } from './revalidation.ts';

/** What another policy means for a request under way, by the facts in memory. */
export type PolicyEffect = 'same' | 'restricts' | 'releases';

/** A request that another policy may concern. */
export interface Concerned extends Revalidated {
  /** Synchronous; what is not held yet is decided anew by itself. */
  weigh(): PolicyEffect;
}

/** So many releases at once are no mass change. */
const BURST = 200;
/** Looked at in one turn of the event loop, at most; and for how long. */
const SLICE = 256;
const SLICE_MS = 5;

/** How many phones are let in: {@link BURST} at once, then so many a second. */
export class ReleasePace {
  private readonly perSecond: number;
  private tokens = BURST;
  private at = -Infinity;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Whether one more may be let in now, clock milliseconds. */
  take(now: number): boolean {
    const refill = Math.max(0, now - this.at) * (this.perSecond / 1_000);
    this.tokens = Math.min(BURST, this.tokens + refill);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

/** The change of policy under way; another one takes its place. */
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

  /** Those that wait to be let in. */
  get waiting(): number {
    return this.releases.length;
  }

  /** Looks at all of them, from the next turn of the event loop on. */
  begin(concerned: readonly Concerned[]): void {
    this.concerned = concerned;
    this.next = 0;
    this.releases = [];
    this.schedule();
  }

  /** Lets in as many as may be; called a few times a second. Clock milliseconds. */
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
