// Owns deciding open exchanges anew after a change: a few at a time, and again until the directory answers.
// Threat: one change may concern ten thousand held polls, more than the verdict cache looks up at a time. A poll that was
// passed over would be held on for its whole heartbeat on a decision that no longer stands.
import type { Decision } from './decision.ts';

/** Under way at most: new requests need look-ups too (cache.maxConcurrentLookups). */
const MAX_UNDER_WAY = 64;
/** Between two tries for exchanges that the directory did not answer for. */
const RETRY_MS = 1_000;

/** Exchanges to be decided anew; bounded by the open connections. */
export class Rechecks {
  private readonly waiting = new Set<Decision>();
  private unanswered = new Set<Decision>();
  private underWay = 0;
  private retriedAt = 0;

  /** A change concerns what is under way on this decision. */
  add(decision: Decision): void {
    if (!decision.onChange()) return;
    this.waiting.add(decision);
    this.run();
  }

  /** Called a few times a second. */
  sweep(now: number): void {
    if (this.unanswered.size === 0 || now - this.retriedAt < RETRY_MS) return;
    this.retriedAt = now;
    for (const decision of this.unanswered) this.waiting.add(decision);
    this.unanswered = new Set();
    this.run();
  }

  private run(): void {
    for (const decision of this.waiting) {
      if (this.underWay >= MAX_UNDER_WAY) return;
      this.waiting.delete(decision);
      void this.recheck(decision);
    }
  }

  private async recheck(decision: Decision): Promise<void> {
    this.underWay++;
    const answered = await decision.recheck();
    this.underWay--;
    if (!answered) this.unanswered.add(decision);
    this.run();
  }
}
