// Owns the monotonic clock that every deadline and limit counts on: a step of the wall clock neither ends nor prolongs a wait.

/** Epoch-like, so that both clocks have the same order of magnitude; they drift apart when the wall clock is set. */
const ORIGIN = performance.timeOrigin;

/** Milliseconds that never jump (CLOCK_MONOTONIC). Only differences count: for times that are stored or shown use Date. */
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
