// Owns time: one coarse clock and one sweep for all connections, so that a held poll holds no timer.
import { monotonicAt, monotonicNow } from '../../clock.ts';
import type { Verdict } from '../../model/verdict.ts';
import { SWEEP_INTERVAL_MS } from '../settings.ts';

/** Something with a deadline, linked into one list. */
export interface Timed {
  /** Clock milliseconds; `Infinity` = none. */
  deadline: number;
  next: Timed | null;
  previous: Timed | null;
  onDeadline(now: number): void;
}

/**
 * Looked at in one tick, at least; with more connections a tenth of them: each is seen once a second then. Nine thousand
 * held polls, looked at ten times a second, would cost more than the requests beside them, and delay those.
 */
const MIN_SWEPT = 1_024;
const ROUND_TICKS = 10;

/** A clock that ticks every {@link SWEEP_INTERVAL_MS}, and the list of what it looks at. */
export class Deadlines {
  /** Monotonic milliseconds, at most one tick old. Deadlines may be seen a second later. */
  now: number;
  size = 0;
  private first: Timed | null = null;
  /** Where the next tick goes on; null = at the beginning. */
  private cursor: Timed | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly onSweep: (now: number) => void;
  private readonly clock: () => number;
  private readonly wall: () => number;

  /** `clock` never jumps; `wall` is the time of day, in milliseconds since the epoch. */
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

  /** The first of the list; walk on by `next`. Remember `next` before doing anything that may remove. */
  head(): Timed | null {
    return this.first;
  }

  /** When a verdict lapses, on this clock: as it was converted when it was decided, else converted now. */
  lapseOf({ lapsesAt, validUntil }: Pick<Verdict, 'lapsesAt' | 'validUntil'>): number {
    return lapsesAt ?? monotonicAt(validUntil, this.now, this.wall());
  }

  /**
   * Behind the reads of this turn of the event loop: where the process was stopped for seconds (a busy machine, a virtual one
   * that moved), what arrived meanwhile is read first, and has arrived in time.
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
