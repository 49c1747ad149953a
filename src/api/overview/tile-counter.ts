// Owns the counting of the overview's tiles: rarely, and with the previous numbers while a count takes long.
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNow } from '../../clock.ts';
import { ApiError } from '../problems.ts';
import { AnswerCache } from '../answer-cache.ts';
import type { TilesNow } from './tiles.ts';

/** A count that takes longer is answered with the previous numbers. */
const MAX_WAIT_MS = 1_000;

/** Counts the tiles of one gateway. */
export class TileCounter {
  private readonly ask: (now: number) => Promise<TilesNow>;
  private readonly counted: AnswerCache<TilesNow>;
  private readonly maxWaitMs: number;
  /** Counted last; null = not yet, or the read model is not there. */
  private before: TilesNow | null = null;

  /** `ask`: of the read model. `clock`: monotonic, milliseconds. */
  constructor(
    ask: (now: number) => Promise<TilesNow>,
    clock: () => number = monotonicNow,
    maxWaitMs = MAX_WAIT_MS,
  ) {
    this.ask = ask;
    this.counted = new AnswerCache(clock);
    this.maxWaitMs = maxWaitMs;
  }

  /** Null = the read model is not there. `now`: milliseconds since the epoch. */
  tiles(now: number): Promise<TilesNow | null> {
    const { before } = this;
    const counted = this.count(now);
    return before === null ? counted : Promise.race([counted, pause(this.maxWaitMs, before, { ref: false })]);
  }

  private async count(now: number): Promise<TilesNow | null> {
    try {
      this.before = await this.counted.answer('', () => this.ask(now));
    } catch (error) {
      // The queue is full of reports: the previous numbers are kept.
      if (!(error instanceof ApiError && error.code === 'EASGATE_API_LISTS_BUSY')) this.before = null;
    }
    return this.before;
  }
}
