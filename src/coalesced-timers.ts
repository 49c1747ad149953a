// Owns timers that need not be punctual. They share wake-ups with each other and with timers that run anyway (timer coalescing): nearly
// all CPU time of a process in which nothing happens is being woken.
import { monotonicNow } from './clock.ts';

interface Entry {
  /** From when on it is called when the process is awake, and when it is called in any case; monotonic. */
  readonly from: number;
  readonly until: number;
  readonly work: () => void;
}

const entries = new Set<Entry>();
/** How many clocks call what is due with their ticks. */
let carriers = 0;
let timer: NodeJS.Timeout | null = null;
/** When the timer fires; `Infinity` = there is none. */
let firesAt = Infinity;

/**
 * Calls `work` once, `ms` milliseconds from now, or up to `earlyMs` earlier when the process is awake then. Where a clock ticks, with its
 * first tick after `ms - earlyMs`. Returns a function that cancels it. It does not keep the process alive.
 */
export function afterAbout(ms: number, earlyMs: number, work: () => void): () => void {
  const until = monotonicNow() + ms;
  const entry: Entry = { from: until - earlyMs, until, work };
  entries.add(entry);
  if (until < firesAt) arm(until);
  return () => {
    if (entries.delete(entry) && entry.until === firesAt) rearm();
  };
}

/** Calls `work` again and again, likewise. Returns a function that ends it. */
export function everyAbout(ms: number, earlyMs: number, work: () => void): () => void {
  let cancel = afterAbout(ms, earlyMs, next);
  function next(): void {
    cancel = afterAbout(ms, earlyMs, next);
    work();
  }
  return () => cancel();
}

/**
 * A clock that ticks at least once a second calls {@link callCoalesced} with each tick from now on: no other timer is needed meanwhile. (One that
 * is set and cleared again and again wakes a process of Node.js each time all the same.) Returns a function that ends this.
 */
export function carryCoalesced(): () => void {
  carriers += 1;
  rearm();
  return () => {
    carriers -= 1;
    rearm();
  };
}

/** Calls what may be called by now. */
export function callCoalesced(): void {
  callUntil(monotonicNow());
}

function callUntil(now: number): void {
  for (const entry of entries) if (entry.from <= now && entries.delete(entry)) entry.work();
  rearm();
}

function rearm(): void {
  let next = Infinity;
  for (const { until } of entries) if (until < next) next = until;
  arm(next);
}

function arm(time: number): void {
  const at = carriers > 0 ? Infinity : time;
  if (at === firesAt) return;
  if (timer !== null) clearTimeout(timer);
  firesAt = at;
  timer = null;
  if (at === Infinity) return;
  timer = setTimeout(fire, Math.max(1, Math.ceil(at - monotonicNow())));
  timer.unref();
}

function fire(): void {
  const due = firesAt;
  timer = null;
  firesAt = Infinity;
  // A timer may be a fraction of a millisecond early.
  callUntil(Math.max(due, monotonicNow()));
}
