// Owns time: one coarse clock and one sweep for all connections, so that a held poll holds no timer.
import { SWEEP_INTERVAL_MS } from './settings.ts';

/** Something with a deadline, linked into one list. */
export interface Timed {
  /** Clock milliseconds; `Infinity` = none. */
  deadline: number;
  next: Timed | null;
  previous: Timed | null;
  onDeadline(now: number): void;
}

/** A clock that ticks every {@link SWEEP_INTERVAL_MS}, and the list of what it looks at. */
export class Deadlines {
  /** Milliseconds since the epoch, at most one tick old. */
  now = Date.now();
  size = 0;
  private first: Timed | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly onSweep: (now: number) => void;

  constructor(onSweep: (now: number) => void) {
    this.onSweep = onSweep;
  }

  start(): void {
    this.timer = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS);
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

  private sweep(): void {
    const now = Date.now();
    this.now = now;
    let timed = this.first;
    while (timed !== null) {
      const next: Timed | null = timed.next;
      if (timed.deadline <= now) timed.onDeadline(now);
      timed = next;
    }
    this.onSweep(now);
  }
}
