// Owns the monotonic clock of all deadlines and limits: a step of the wall clock does not affect them.

/** Added so that both clocks have similar values; they diverge when the wall clock is set. */
const ORIGIN = performance.timeOrigin;

/** Milliseconds on CLOCK_MONOTONIC. Only differences have a meaning; use Date for times that are stored or shown. */
export function monotonicNow(): number {
  return ORIGIN + performance.now();
}

/**
 * The monotonic time at which the wall clock will show `wallTime`, if nobody sets it meanwhile. Convert a time once, when it
 * is read, and compare with the result.
 */
export function monotonicAt(wallTime: number, now: number, wallNow: number): number {
  return now + (wallTime - wallNow);
}

/** Processor time that this thread has used, in milliseconds. */
export function threadBusyMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
