// Owns the pace of writes in bulk: reports and imports must not delay the look-ups that phones wait for.
import { setTimeout } from 'node:timers/promises';
import { monotonicNow } from '../../clock.ts';
import { LARGE, SMALL } from './hash-writer.ts';
import type { WriteSize } from './hash-writer.ts';

/**
 * Most records a second of one process while others use Redis. Redis runs one script after the other, and takes 200,000 records a second
 * where nothing else is asked of it: a quarter leaves the slowest hundredth of look-ups under 8 ms. A million devices are written in 20 seconds.
 */
export const RECORDS_PER_SECOND = 50_000;
/** Records that never wait: a report by hand, a page of a feed. */
const BURST = 500;

/** A pace of its own for each store. */
export class WritePace {
  private readonly isQuiet: () => boolean;
  private readonly now: () => number;
  private readonly wait: (ms: number) => Promise<unknown>;
  /** When the records that were let through so far are due; monotonic. */
  private due = 0;

  /** `isQuiet`: whether no other gateway uses Redis: then no phone waits for it. */
  constructor(
    isQuiet: () => boolean,
    now: () => number = monotonicNow,
    wait: (ms: number) => Promise<unknown> = setTimeout,
  ) {
    this.isQuiet = isQuiet;
    this.now = now;
    this.wait = wait;
  }

  /** How much may be written at once. */
  size(): WriteSize {
    return this.isQuiet() ? LARGE : SMALL;
  }

  /** Resolves when so many records may be written. */
  async turn(records: number): Promise<void> {
    const now = this.now();
    if (this.isQuiet()) {
      this.due = now;
      return;
    }
    const ahead = Math.max(this.due, now) - now;
    this.due = now + ahead + (records * 1_000) / RECORDS_PER_SECOND;
    if (ahead > (BURST * 1_000) / RECORDS_PER_SECOND) await this.wait(ahead);
  }
}
