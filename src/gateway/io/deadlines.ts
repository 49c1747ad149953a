// Owns the coarse clock and the one sweep over all connections, so that held polls need no timers.
import { monotonicAt, monotonicNow } from '../../clock.ts';
import { callCoalesced, carryCoalesced } from '../../coalesced-timers.ts';
import type { Verdict } from '../../model/verdict.ts';
import { SLOW_SWEEP_INTERVAL_MS, SWEEP_INTERVAL_MS } from '../fixed-limits.ts';

/** Something with a deadline. */
export interface Timed {
  /** Its place among all deadlines, set by {@link Deadlines} only; -1 = none. */
  slot: number;
  onDeadline(now: number): void;
}

/**
 * Most expired deadlines that one tick handles, or a tenth of all: many that expire at once take a second, and leave time
 * for other work.
 */
const MAX_DUE = 1_024;
const ROUND_TICKS = 10;
const FIRST_CAPACITY = 256;
/** Longest time for expired deadlines in one turn of the event loop; the rest of a tick goes on in the next turn. */
const TURN_MS = 4;
/** After so many the time is looked at. */
const LOOK_EVERY = 16;
/** A tick that is later than this follows a pause of the process: it was busy, suspended, or migrated. */
const LATE_MS = 50;
/** After so many ticks without use of the clock it ticks slowly. */
const QUIET_TICKS = 5;

/**
 * A clock that ticks every {@link SWEEP_INTERVAL_MS}, and the deadlines to check. They are numbers in one array, because
 * reading a field of each of ten thousand connections misses the processor's cache once or twice per connection.
 *
 * Ten ticks a second are most of the CPU time of a worker that only holds polls. While nothing uses the clock it ticks every
 * {@link SLOW_SWEEP_INTERVAL_MS}, or at the next deadline if that is sooner. The first use reads the system's clock. Other timers of the
 * process that need not be punctual are called with its ticks.
 */
export class Deadlines {
  /** The time of the last tick, or of the first use after slow ones. */
  private time: number;
  /** Ticks since the last use. */
  private quiet = 0;
  private slow = false;
  /** Deadlines in clock milliseconds, without gaps; `Infinity` = none. */
  private times = new Float64Array(FIRST_CAPACITY);
  /** Their owners, at the same places. */
  private readonly owners: Timed[] = [];
  /** The place where the next tick begins. */
  private cursor = 0;
  private timer: NodeJS.Timeout | null = null;
  private intervalMs = SWEEP_INTERVAL_MS;
  private endCarry: (() => void) | null = null;
  /** Expired deadlines that this tick may still handle. */
  private room = 0;
  /** The tick goes on in the next turn of the event loop. */
  private isCut = false;
  /** How late the timer of this tick was. */
  private lateMs = 0;
  private readonly onSweep: (now: number, lateMs: number) => void;
  private readonly clock: () => number;
  private readonly wall: () => number;

  /** `clock` is monotonic; `wall` is the time of day, in milliseconds since the epoch. `lateMs`: how late the timer of a tick was. */
  constructor(
    onSweep: (now: number, lateMs: number) => void,
    clock: () => number = monotonicNow,
    wall: () => number = Date.now,
  ) {
    this.onSweep = onSweep;
    this.clock = clock;
    this.wall = wall;
    this.time = clock();
  }

  /** Monotonic milliseconds, at most {@link SWEEP_INTERVAL_MS} old. A deadline may be noticed as much late. Hot path. */
  get now(): number {
    this.keepTicking();
    return this.time;
  }

  start(): void {
    this.tickEvery(SWEEP_INTERVAL_MS);
    this.endCarry = carryCoalesced();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.endCarry?.();
    this.endCarry = null;
  }

  /** The clock is in use: the next ticks are not slow. Hot path. */
  keepTicking(): void {
    this.quiet = 0;
    if (this.slow) this.wake();
  }

  get size(): number {
    return this.owners.length;
  }

  /** Adds an entry, due at `time` (clock milliseconds). */
  add(timed: Timed, time = Infinity): void {
    this.keepTicking();
    const slot = this.owners.length;
    if (slot === this.times.length) {
      const times = new Float64Array(slot * 2);
      times.set(this.times);
      this.times = times;
    }
    timed.slot = slot;
    this.owners.push(timed);
    this.times[slot] = time;
  }

  /** The last entry takes the place of the removed one. */
  remove(timed: Timed): void {
    const { slot } = timed;
    if (slot === -1) return;
    const last = this.owners.pop() as Timed;
    timed.slot = -1;
    if (last === timed) return;
    this.owners[slot] = last;
    this.times[slot] = this.times[this.owners.length] ?? Infinity;
    last.slot = slot;
  }

  /** The deadline of an entry, in clock milliseconds; `Infinity` = none. */
  timeOf({ slot }: Timed): number {
    return slot === -1 ? Infinity : (this.times[slot] as number);
  }

  /** Sets the deadline of an entry; no effect after {@link remove}. Hot path. */
  setTime({ slot }: Timed, time: number): void {
    this.keepTicking();
    if (slot !== -1) this.times[slot] = time;
  }

  /** The entry at a place below {@link size}. Go through them from the last to the first: that survives a removal. */
  at(slot: number): Timed | undefined {
    return this.owners[slot];
  }

  /** When a verdict lapses, on this clock: as converted at its decision, else converted now. */
  lapseOf({ lapsesAt, validUntil }: Pick<Verdict, 'lapsesAt' | 'validUntil'>): number {
    return lapsesAt ?? monotonicAt(validUntil, this.now, this.wall());
  }

  private tickEvery(ms: number): void {
    this.slow = ms !== SWEEP_INTERVAL_MS;
    if (this.timer !== null) {
      if (ms === this.intervalMs) return;
      clearInterval(this.timer);
    }
    this.intervalMs = ms;
    this.timer = setInterval(this.onInterval, ms);
  }

  private wake(): void {
    this.slow = false;
    if (this.timer === null) return;
    this.time = this.clock();
    this.tickEvery(SWEEP_INTERVAL_MS);
  }

  /** After a pause, data that arrived meanwhile is read first, and counts as in time. */
  private readonly onInterval = (): void => {
    this.lateMs = Math.max(0, this.clock() - this.time - this.intervalMs);
    if (this.lateMs > LATE_MS) setImmediate(this.onTick);
    else this.sweep();
  };

  private readonly onTick = (): void => {
    if (this.timer !== null) this.sweep();
  };

  private readonly onNextTurn = (): void => {
    this.isCut = false;
    if (this.timer !== null) this.goOn();
  };

  private sweep(): void {
    this.quiet++;
    // The tick before goes on: more room would keep the other parts, which come behind it, waiting for longer.
    if (this.isCut) return;
    this.room = Math.max(MAX_DUE, Math.ceil(this.size / ROUND_TICKS));
    this.goOn();
  }

  /** Handles expired deadlines until those of this tick are handled, or this turn of the event loop has been long enough. */
  private goOn(): void {
    const now = this.clock();
    this.time = now;
    this.slow = false;
    let earliest = Infinity;
    for (let left = this.size; left > 0 && this.room > 0; left--) {
      if (this.cursor >= this.size) this.cursor = 0;
      const slot = this.cursor++;
      const time = this.times[slot] as number;
      if (time > now) {
        if (time < earliest) earliest = time;
        continue;
      }
      this.room--;
      this.quiet = 0;
      this.owners[slot]?.onDeadline(now);
      if (this.room % LOOK_EVERY === 0 && this.clock() - now >= TURN_MS) {
        this.isCut = true;
        setImmediate(this.onNextTurn);
        return;
      }
    }
    this.onSweep(now, this.lateMs);
    callCoalesced();
    if (this.timer === null) return;
    // A quiet tick changed no deadline: the earliest one is known.
    const wait = this.quiet < QUIET_TICKS ? 0 : Math.min(SLOW_SWEEP_INTERVAL_MS, earliest - now);
    this.tickEvery(Math.max(SWEEP_INTERVAL_MS, Math.ceil(wait)));
  }
}
