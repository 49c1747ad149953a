// Owns deciding open exchanges anew after a change: a few at a time, and again until the directory answers.
// Threat: one change may concern ten thousand held polls, more than the verdict cache looks up at a time. A poll that was
// passed over would be held on for its whole heartbeat on a decision that no longer stands.
import type { ClientConnection } from './client-connection.ts';

/** Under way at most: new requests need look-ups too (cache.maxConcurrentLookups). */
const MAX_UNDER_WAY = 64;
/** Between two tries for exchanges that the directory did not answer for. */
const RETRY_MS = 1_000;

/** Connections whose exchange is to be decided anew; bounded by the open connections. */
export class Rechecks {
  private readonly waiting = new Set<ClientConnection>();
  private unanswered = new Set<ClientConnection>();
  private underWay = 0;
  private retriedAt = 0;

  /** A change concerns what is under way on this connection. */
  add(connection: ClientConnection): void {
    if (!connection.onChange()) return;
    this.waiting.add(connection);
    this.run();
  }

  /** Called a few times a second. */
  sweep(now: number): void {
    if (this.unanswered.size === 0 || now - this.retriedAt < RETRY_MS) return;
    this.retriedAt = now;
    for (const connection of this.unanswered) this.waiting.add(connection);
    this.unanswered = new Set();
    this.run();
  }

  private run(): void {
    for (const connection of this.waiting) {
      if (this.underWay >= MAX_UNDER_WAY) return;
      this.waiting.delete(connection);
      void this.recheck(connection);
    }
  }

  private async recheck(connection: ClientConnection): Promise<void> {
    this.underWay++;
    const answered = await connection.recheck();
    this.underWay--;
    if (!answered) this.unanswered.add(connection);
    this.run();
  }
}
