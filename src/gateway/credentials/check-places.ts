// Owns the places of the checks of credentials at one mail server, with a queue that is bounded in length and time, and
// fair by holder.
// Threat: someone who guesses passwords occupies the checks, so that phones with good ones are refused. Rule: places and
// the queue are shared by holder, holders are served in turn, only known phones may wait, and a wrong password costs its
// client one of few tries.
import { FairPlaces } from '../../directory/fair-places.ts';

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
/** Most waiting checks that are looked at in one turn of the event loop. */
const MAX_TRIES = 256;

/** Places of one mail server. */
export class CheckPlaces<Paid extends object> {
  private readonly places = new FairPlaces(CHECKS_AT_ONCE);
  private readonly room = new FairPlaces(MAX_WAITING);
  private readonly now: () => number;
  /** By holder; the one served longest ago is first. */
  private readonly lines = new Map<string, Waiter<Paid>[]>();

  constructor(now: () => number) {
    this.now = now;
  }

  /**
   * What `pay` returned, once `holder` has a place, which must be returned with {@link leave}; it is waited for if `mayWait`.
   * Never rejects.
   */
  enter(holder: string, pay: Pay<Paid>, mayWait: boolean): Paid | NoCheck | Promise<Paid | NoCheck> {
    if (!this.lines.has(holder)) {
      const outcome = this.admit(holder, pay, mayWait);
      if (outcome !== null) return outcome;
    }
    if (!mayWait || !this.room.take(holder)) return 'EASGATE_CREDENTIALS_BUSY';
    const { promise, resolve } = Promise.withResolvers<Paid | NoCheck>();
    const waiter = { until: this.now() + CHECK_WAIT_MS, pay, settle: resolve };
    const line = this.lines.get(holder);
    if (line === undefined) this.lines.set(holder, [waiter]);
    else line.push(waiter);
    return promise;
  }

  /** Returns a place. */
  leave(holder: string): void {
    this.places.leave(holder);
    this.serve();
  }

  /** Ends waits that took too long. */
  sweep(): void {
    if (this.lines.size === 0) return;
    const now = this.now();
    for (const [holder, line] of this.lines) {
      const inTime = line.findIndex(({ until }) => until > now);
      for (const waiter of line.splice(0, inTime === -1 ? line.length : inTime))
        this.end(holder, waiter, 'EASGATE_CREDENTIALS_BUSY');
      if (line.length === 0) this.lines.delete(holder);
    }
    this.serve();
  }

  /** Ends all waits. */
  close(): void {
    for (const [holder, line] of this.lines)
      for (const waiter of line.splice(0)) this.end(holder, waiter, 'EASGATE_CREDENTIALS_BUSY');
    this.lines.clear();
  }

  /** Null = it must wait. */
  private admit(holder: string, pay: Pay<Paid>, mayWait: boolean): Paid | NoCheck | null {
    if (!this.places.take(holder)) return null;
    const paid = pay();
    if (paid !== null) return paid;
    this.places.leave(holder);
    // Checks under way were paid for in advance. Those that are not refused return what they paid.
    return mayWait && this.places.heldBy(holder) > 0 ? null : 'EASGATE_CREDENTIALS_LIMITED';
  }

  /** Gives places to those who wait, one holder after the other. */
  private serve(): void {
    let tries = MAX_TRIES;
    for (const [holder, line] of this.lines) {
      if (tries-- === 0) return;
      const [first] = line;
      const outcome = first === undefined ? null : this.admit(holder, first.pay, true);
      if (first === undefined || outcome === null) continue;
      line.shift();
      this.lines.delete(holder);
      if (line.length > 0) this.lines.set(holder, line);
      this.end(holder, first, outcome);
    }
  }

  private end(holder: string, waiter: Waiter<Paid>, outcome: Paid | NoCheck): void {
    this.room.leave(holder);
    waiter.settle(outcome);
  }
}
