// Owns the effect of a changed policy on open requests. They are checked in slices of a few milliseconds. New restrictions apply
// at once; phones that get access again are released at a limited rate (releases.ts).
import { monotonicNow } from '../../clock.ts';
import type { Releases } from './releases.ts';
import type { Revalidated, RevalidationQueue } from './revalidation.ts';

/**
 * How the verdict of an open request changes, by cached facts. `sameByOld`: it does not, but by facts older than `cache.lifetimeSeconds`, so that
 * it is looked up after all others.
 */
export type PolicyEffect = 'same' | 'sameByOld' | 'restricts' | 'releases';

/** A request whose verdict the new policy may change. */
export interface Concerned extends Revalidated {
  /** Decides again, without I/O. Drops the verdict of a request that is still read or checked: it is then looked up anew. */
  weigh(): PolicyEffect;
}

/** Most requests checked in one turn of the event loop, and the longest time for it. */
const SLICE = 256;
const SLICE_MS = 5;

/** The change of policy in progress; the next one replaces it. */
export class MassChange {
  private readonly queue: RevalidationQueue;
  private readonly releases: Releases;
  private concerned: readonly Concerned[] = [];
  private next = 0;
  private scheduled = false;

  constructor(queue: RevalidationQueue, releases: Releases) {
    this.queue = queue;
    this.releases = releases;
  }

  /** Whether requests are left to check. */
  get isBusy(): boolean {
    return this.scheduled;
  }

  /** Begins to check these requests in the next turn of the event loop. */
  begin(concerned: readonly Concerned[]): void {
    this.concerned = concerned;
    this.next = 0;
    this.schedule();
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
      if (one !== undefined && (effect === 'restricts' || effect === 'sameByOld'))
        this.queue.add(one, true, effect === 'sameByOld');
      // A release of a mass change always waits for a sweep, whatever the time: it is not looked at.
      else if (one !== undefined && effect === 'releases') this.releases.admit(one, true, 0);
      if (monotonicNow() >= end) break;
    }
    if (this.next < this.concerned.length) this.schedule();
    else this.concerned = [];
  }
}
