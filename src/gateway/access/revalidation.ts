// Owns deciding open exchanges anew after a change: what a new verdict means for one, and the queue of those that wait for
// theirs: a few at a time, and again until the directory answers.
// Threat: one change may concern ten thousand held polls, more than the verdict cache looks up at a time. A poll that was
// passed over would be held on for its whole heartbeat on a decision that no longer stands.
import type { Verdict } from '../../model/verdict.ts';
import type { Exchange } from '../exchange/exchange.ts';

/** What a new verdict means for an exchange that is held or on its way to the mail server. */
export type Consequence =
  /** It goes on under the new verdict. */
  | 'continue'
  /** A poll held here is held on or answered, as its message says. */
  | 'renew'
  /** The phone starts over. */
  | 'startOver'
  /** A response under way ends visibly. */
  | 'cut';

/** Pure. */
export function consequenceOf(exchange: Exchange, { action }: Verdict): Consequence {
  if (exchange.phase === 'held') return action === 'quarantine' ? 'renew' : 'startOver';
  // What the gateway has written anew touches nothing of the mailbox.
  if (action === 'allow' || (action === 'quarantine' && exchange.rewritten)) return 'continue';
  return exchange.phase === 'responding' ? 'cut' : 'startOver';
}

/** Whose exchange is decided anew. */
export interface Revalidated {
  /** A change came: nothing goes on under the verdict there is. Returns whether {@link revalidate} must follow. */
  onChange(): boolean;
  /** Decides anew; false when the directory does not answer. Never rejects. */
  revalidate(): Promise<boolean>;
}

/** Under way at most: new requests need look-ups too (cache.maxConcurrentLookups). */
const MAX_UNDER_WAY = 64;
/** Between two tries for exchanges that the directory did not answer for. */
const RETRY_MS = 1_000;

/** Exchanges to be decided anew; bounded by the open connections. */
export class RevalidationQueue {
  private readonly waiting = new Set<Revalidated>();
  private unanswered = new Set<Revalidated>();
  private underWay = 0;
  private retriedAt = 0;

  /** A change concerns what is under way there. */
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
