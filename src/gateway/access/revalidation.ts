// Owns new decisions for open exchanges after a change: the consequence of a verdict, and the queue of exchanges
// waiting for one, a few at a time, with retries.
// Threat: one change may affect ten thousand held polls, more than the verdict cache can look up at once. A skipped
// poll would be held to its end on an outdated decision. And no request may wait until all of them are decided: a directory that answers at once
// (SQLite) would have them decided in one turn of the event loop.
import type { Verdict } from '../../model/verdict.ts';
import type { Exchange } from '../exchange/exchange.ts';

/** The consequence of a new verdict for an exchange that is held or at the mail server. */
export type Consequence =
  /** It continues under the new verdict. */
  | 'continue'
  /** A poll held by the gateway is answered or held on, depending on its message. */
  | 'renew'
  /** The phone gets "start over". */
  | 'startOver'
  /** A response in progress is cut off, visibly. */
  | 'cut';

/** Pure. */
export function consequenceOf(exchange: Exchange, { action }: Verdict): Consequence {
  if (exchange.phase === 'held') return action === 'quarantine' ? 'renew' : 'startOver';
  // A body written by the gateway has no access to the mailbox.
  if (action === 'allow' || (action === 'quarantine' && exchange.rewritten)) return 'continue';
  return exchange.phase === 'responding' ? 'cut' : 'startOver';
}

/** An exchange to decide again. */
export interface Revalidated {
  /** A change arrived: the old verdict is invalid. Returns whether {@link revalidate} must follow. */
  onChange(): boolean;
  /**
   * Decides again; false when the directory does not answer. Never rejects. `isMass`: the change concerns more phones than
   * may be let in at once.
   */
  revalidate(isMass: boolean): Promise<boolean>;
}

/** Most concurrent revalidations: new requests need look-ups too (cache.maxConcurrentLookups). */
const MAX_UNDER_WAY = 64;
/** Most revalidations that begin in one turn of the event loop: a millisecond or two of work, mostly the end of a poll. */
const MAX_PER_TURN = 16;
/** Pause before the retry of an unanswered look-up. */
const RETRY_MS = 1_000;

/** Exchanges to decide again; bounded by the open connections. */
export class RevalidationQueue {
  /** Of changes that concern few phones, such as an operator's: they do not wait for a feed run. */
  private readonly few = new Set<Revalidated>();
  private readonly many = new Set<Revalidated>();
  private unanswered = new Set<Revalidated>();
  private underWay = 0;
  /** How many began in this turn. */
  private begun = 0;
  private massUnderWay = 0;
  private retriedAt = 0;

  /** Whether exchanges of a mass change are left to decide. */
  get isBusy(): boolean {
    return this.many.size > 0 || this.massUnderWay > 0;
  }

  /** Whether exchanges wait for a retry. */
  get isWaiting(): boolean {
    return this.unanswered.size > 0;
  }

  /** A change affects this connection's exchange. Returns whether it is decided again here. */
  add(one: Revalidated, isMass: boolean): boolean {
    if (!one.onChange()) return false;
    if (!isMass) {
      this.many.delete(one);
      this.few.add(one);
    } else if (!this.few.has(one)) this.many.add(one);
    this.run();
    return true;
  }

  /** Called a few times a second. */
  sweep(now: number): void {
    if (this.unanswered.size === 0 || now - this.retriedAt < RETRY_MS) return;
    this.retriedAt = now;
    for (const one of this.unanswered) this.many.add(one);
    this.unanswered = new Set();
    this.run();
  }

  private run(): void {
    while (this.underWay < MAX_UNDER_WAY && this.begun < MAX_PER_TURN) {
      const lane = this.few.size > 0 ? this.few : this.many;
      const [one] = lane;
      if (one === undefined) return;
      lane.delete(one);
      if (this.begun++ === 0) setImmediate(this.onNextTurn);
      void this.revalidate(one, lane === this.many);
    }
  }

  private readonly onNextTurn = (): void => {
    this.begun = 0;
    this.run();
  };

  private async revalidate(one: Revalidated, isMass: boolean): Promise<void> {
    this.underWay++;
    if (isMass) this.massUnderWay++;
    const answered = await one.revalidate(isMass);
    this.underWay--;
    if (isMass) this.massUnderWay--;
    if (!answered) this.unanswered.add(one);
    this.run();
  }
}
