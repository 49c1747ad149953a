// Owns the places of the checks of credentials at one mail server, with a queue that is bounded in length and time, and
// fair by holder.
// Threat: someone who guesses passwords occupies the checks, so that phones with good ones are refused. Rule: places and
// the queue are shared by holder, holders are served in turn, only known phones may wait, and a wrong password costs its
// client one of few tries.
import { FairQueue } from '../../directory/fair-queue.ts';
import type { Ticket } from '../../directory/fair-queue.ts';
import { PlaceWait } from '../../directory/place-wait.ts';

/** Why a check was not made: there was no place for it in time, or there were too many wrong passwords. */
export type NoCheck = 'EASGATE_CREDENTIALS_BUSY' | 'EASGATE_CREDENTIALS_LIMITED';

/** What a check costs its client in advance; null = it has no more tries at the moment. */
type Pay<Paid> = () => Paid | null;

interface Waiter<Paid> {
  /** When the wait ends, in milliseconds of {@link CheckPlaces.now}. */
  readonly until: number;
  readonly pay: Pay<Paid>;
  readonly settle: (outcome: Paid | NoCheck) => void;
}

/**
 * Most concurrent checks, each on its own connection; one holder gets at most half. A mail server may take half a minute to
 * refuse a password (Z-Push); the limits on wrong passwords (login-limiter.ts) allow one address about 50 in that time, so
 * places remain.
 */
export const CHECKS_AT_ONCE = 128;
/** Most checks that wait; one holder may have half of them: all phones of a large site behind one address. */
const MAX_WAITING = 32_768;
/** Mail apps wait about half a minute for an answer, and the check itself takes time. */
export const CHECK_WAIT_MS = 15_000;

/**
 * Places of one mail server. It shares the queue with look-ups (directory/lookup-places.ts), but a check is also paid for when its turn comes, and its time
 * is that of the gateway's deadlines.
 */
export class CheckPlaces<Paid extends object> {
  private readonly queue = new FairQueue<Waiter<Paid>>(CHECKS_AT_ONCE, MAX_WAITING);
  private readonly now: () => number;
  /** In the order of their ends, since all may wait equally long. */
  private readonly waiting = new Set<Ticket<Waiter<Paid>>>();

  constructor(now: () => number) {
    this.now = now;
  }

  /**
   * What `pay` returned, once `holder` has a place, which must be returned with {@link leave}; it is waited for if `mayWait`.
   * Never rejects.
   */
  enter(holder: string, pay: Pay<Paid>, mayWait: boolean): Paid | NoCheck | PlaceWait<Paid | NoCheck> {
    const outcome = this.queue.take(holder) ? this.charge(holder, pay, mayWait) : null;
    if (outcome !== null) return outcome;
    if (!mayWait) return 'EASGATE_CREDENTIALS_BUSY';
    const { promise, resolve } = Promise.withResolvers<Paid | NoCheck>();
    const ticket = this.queue.wait(holder, { until: this.now() + CHECK_WAIT_MS, pay, settle: resolve });
    if (ticket === null) return 'EASGATE_CREDENTIALS_BUSY';
    this.waiting.add(ticket);
    return new PlaceWait(promise, () => this.endWait(ticket));
  }

  /** Returns a place. */
  leave(holder: string): void {
    this.queue.giveBack(holder);
    this.queue.serve(this.admit);
  }

  /** Ends waits that took too long. */
  sweep(): void {
    if (this.waiting.size === 0) return;
    const now = this.now();
    for (const ticket of this.waiting) {
      if (ticket.waiter.until > now) break;
      this.endWait(ticket);
    }
    // A minute of the limits may have ended, or one who could not pay may have left, so that the next one is tried.
    this.queue.serve(this.admit);
  }

  /** Ends all waits. */
  close(): void {
    this.queue.close(({ settle }) => settle('EASGATE_CREDENTIALS_BUSY'));
    this.waiting.clear();
  }

  /** What a check paid, whose holder has a place for it, or why it is not made, and the place is returned; null = it must wait. */
  private charge(holder: string, pay: Pay<Paid>, mayWait: boolean): Paid | NoCheck | null {
    const paid = pay();
    if (paid !== null) return paid;
    this.queue.giveBack(holder);
    // Checks under way were paid for in advance. Those that are not refused return what they paid.
    return mayWait && this.queue.holds(holder) ? null : 'EASGATE_CREDENTIALS_LIMITED';
  }

  private readonly admit = (first: Ticket<Waiter<Paid>>): boolean => {
    const outcome = this.charge(first.holder, first.waiter.pay, true);
    if (outcome === null) return false;
    this.waiting.delete(first);
    first.waiter.settle(outcome);
    return true;
  };

  /** Ends a wait without a place; false = it was over. */
  private endWait(ticket: Ticket<Waiter<Paid>>): boolean {
    if (!this.queue.leave(ticket)) return false;
    this.waiting.delete(ticket);
    ticket.waiter.settle('EASGATE_CREDENTIALS_BUSY');
    return true;
  }
}
