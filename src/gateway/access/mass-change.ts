// Owns what another policy changes for open requests: looked at in slices, restrictions at once, releases in their turn.
import { monotonicNow } from '../../clock.ts';
import type { Releases } from './releases.ts';
import type { Revalidated, RevalidationQueue } from './revalidation.ts';

/** What another policy means for a request under way, by the facts in memory. */
export type PolicyEffect = 'same' | 'restricts' | 'releases';

/** A request that another policy may concern. */
export interface Concerned extends Revalidated {
  /** Synchronous; what is not held yet is decided anew by itself. */
  weigh(): PolicyEffect;
}

/** Looked at in one turn of the event loop, at most; and for how long. */
const SLICE = 256;
const SLICE_MS = 5;

/** The change of policy under way; another one takes its place. */
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

  /** Whether requests are left to look at. */
  get isBusy(): boolean {
    return this.scheduled;
  }

  /** Looks at all of them, from the next turn of the event loop on. */
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
      if (one !== undefined && effect === 'restricts') this.queue.add(one, true);
      // Its turn comes with the sweeps: no time is needed to have it wait.
      else if (one !== undefined && effect === 'releases') this.releases.admit(one, true, 0);
      if (monotonicNow() >= end) break;
    }
    if (this.next < this.concerned.length) this.schedule();
    else this.concerned = [];
  }
}
