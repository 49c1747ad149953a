// Owns new decisions for open exchanges after a change: the consequence of a verdict, and the queue of exchanges
// waiting for one, a few at a time, with retries.
// Threat: one change may affect ten thousand held polls, more than the verdict cache can look up at once. A skipped
// poll would be held to its end on an outdated decision.
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
  /** Decides again; false when the directory does not answer. Never rejects. */
  revalidate(): Promise<boolean>;
}

/** Most concurrent revalidations: new requests need look-ups too (cache.maxConcurrentLookups). */
const MAX_UNDER_WAY = 64;
/** Pause before the retry of an unanswered look-up. */
const RETRY_MS = 1_000;

/** Exchanges to decide again; bounded by the open connections. */
export class RevalidationQueue {
  private readonly waiting = new Set<Revalidated>();
  private unanswered = new Set<Revalidated>();
  private underWay = 0;
  private retriedAt = 0;

  /** A change affects this connection's exchange. */
  add(one: Revalidated): void {
    if (!one.onChange()) return;
    this.waiting.add(one);
    this.run();
  }

  /** Called a few times a second. */
  sweep(now: number): void {
    if (this.unanswered.size === 0 || now - this.retriedAt < RETRY_MS) return;
    this.retriedAt = now;
    for (const one of this.unanswered) this.waiting.add(one);
    this.unanswered = new Set();
    this.run();
  }

  private run(): void {
    for (const one of this.waiting) {
      if (this.underWay >= MAX_UNDER_WAY) return;
      this.waiting.delete(one);
      void this.revalidate(one);
    }
  }

  private async revalidate(one: Revalidated): Promise<void> {
    this.underWay++;
    const answered = await one.revalidate();
    this.underWay--;
    if (!answered) this.unanswered.add(one);
    this.run();
  }
}
