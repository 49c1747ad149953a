// Owns the limit on concurrent look-ups of one class, with a queue that is bounded, fair by holder, and limited in
// time.
import { FairQueue } from './fair-queue.ts';
import type { Ticket } from './fair-queue.ts';
import { PlaceWait } from './place-wait.ts';

interface Waiter {
  /** Ends its wait. */
  timer: NodeJS.Timeout | null;
  readonly settle: (hasPlace: boolean) => void;
}

/** Places, and a queue that serves holders in turn. */
export class LookupPlaces {
  private readonly queue: FairQueue<Waiter>;

  /** `max` concurrent look-ups, and `maxWaiting` that wait. */
  constructor(max: number, maxWaiting: number) {
    this.queue = new FairQueue(max, maxWaiting);
  }

  /**
   * True, or a wait whose outcome is true, once `holder` has a place, which must be returned with {@link leave}; false when there is none within `waitMs`,
   * or the wait was given up.
   */
  enter(holder: string, waitMs: number): boolean | PlaceWait<boolean> {
    if (this.queue.take(holder)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const ticket = this.queue.wait(holder, { settle: resolve, timer: null });
    if (ticket === null) return false;
    const giveUp = (): boolean => this.endWait(ticket);
    ticket.waiter.timer = setTimeout(giveUp, waitMs);
    return new PlaceWait(promise, giveUp);
  }

  /** Returns a place; the next holder in turn gets it. */
  leave(holder: string): void {
    this.queue.giveBack(holder);
    this.queue.serve(admit);
  }

  /** Ends all waits: those who wait get no place. */
  close(): void {
    this.queue.close((waiter) => settle(waiter, false));
  }

  /** Ends a wait without a place; false = it was over. */
  private endWait(ticket: Ticket<Waiter>): boolean {
    if (!this.queue.leave(ticket)) return false;
    settle(ticket.waiter, false);
    return true;
  }
}

function admit({ waiter }: Ticket<Waiter>): boolean {
  settle(waiter, true);
  return true;
}

function settle(waiter: Waiter, hasPlace: boolean): void {
  if (waiter.timer !== null) clearTimeout(waiter.timer);
  waiter.settle(hasPlace);
}
