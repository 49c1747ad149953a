// Owns the coarse clock and the one sweep over all connections, so that held polls need no timers.
import { monotonicAt, monotonicNow } from '../../clock.ts';
import type { Verdict } from '../../model/verdict.ts';
import { SWEEP_INTERVAL_MS } from '../fixed-limits.ts';

/** Something with a deadline, linked into one list. */
export interface Timed {
  /** Clock milliseconds; `Infinity` = none. */
  deadline: number;
  next: Timed | null;
  previous: Timed | null;
  onDeadline(now: number): void;
}

/**
 * Minimum number of connections checked per tick; with more connections a tenth of them, so that each is checked once a
 * second. Checking nine thousand held polls ten times a second would cost more than the other requests, and delay them.
 */
const MIN_SWEPT = 1_024;
const ROUND_TICKS = 10;

/** A clock that ticks every {@link SWEEP_INTERVAL_MS}, and the list of connections to check. */
export class Deadlines {
  /** Monotonic milliseconds, at most one tick old. A deadline may be noticed a second late. */
  now: number;
  size = 0;
  private first: Timed | null = null;
  /** The position of the next tick; null = the beginning. */
  private cursor: Timed | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly onSweep: (now: number) => void;
  private readonly clock: () => number;
  private readonly wall: () => number;

  /** `clock` is monotonic; `wall` is the time of day, in milliseconds since the epoch. */
  constructor(
    onSweep: (now: number) => void,
    clock: () => number = monotonicNow,
    wall: () => number = Date.now,
  ) {
    this.onSweep = onSweep;
    this.clock = clock;
    this.wall = wall;
    this.now = clock();
  }

  start(): void {
    this.timer = setInterval(() => setImmediate(this.onTick), SWEEP_INTERVAL_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  add(timed: Timed): void {
    timed.previous = null;
    timed.next = this.first;
    if (this.first !== null) this.first.previous = timed;
    this.first = timed;
    this.size++;
  }

  remove(timed: Timed): void {
    if (this.cursor === timed) this.cursor = timed.next;
    if (timed.previous === null) this.first = timed.next;
    else timed.previous.next = timed.next;
    if (timed.next !== null) timed.next.previous = timed.previous;
    timed.next = null;
    timed.previous = null;
    this.size--;
  }

  /** The first entry; continue with `next`. Read `next` before any action that may remove entries. */
  head(): Timed | null {
    return this.first;
  }

  /** When a verdict lapses, on this clock: as converted at its decision, else converted now. */
  lapseOf({ lapsesAt, validUntil }: Pick<Verdict, 'lapsesAt' | 'validUntil'>): number {
    return lapsesAt ?? monotonicAt(validUntil, this.now, this.wall());
  }

  /**
   * Runs after the reads of this turn of the event loop: after a pause of the process (a busy or migrated machine),
   * data that arrived meanwhile is read first, and counts as in time.
   */
  private readonly onTick = (): void => {
    if (this.timer !== null) this.sweep();
  };

  private sweep(): void {
    const now = this.clock();
    this.now = now;
    const share = Math.max(MIN_SWEPT, Math.ceil(this.size / ROUND_TICKS));
    for (let left = Math.min(share, this.size); left > 0; left--) {
      const timed = this.cursor ?? this.first;
      if (timed === null) break;
      this.cursor = timed.next;
      if (timed.deadline <= now) timed.onDeadline(now);
    }
    this.onSweep(now);
  }
}
