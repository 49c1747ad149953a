// Owns long work that is done in parts, so that a process can do other work between them.
import { monotonicNow } from './clock.ts';

/** Longest stretch of parts without a turn of the event loop, but for a part that takes longer by itself. */
const TURN_MS = 5;

/** Does all parts at once, where nobody waits yet. */
export function atOnce<T>(parts: Generator<undefined, T>): T {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
  }
}

/** Does the parts with turns of the event loop between them. */
export async function inTurns<T>(parts: Generator<undefined, T>): Promise<T> {
  let end = monotonicNow() + TURN_MS;
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
    if (monotonicNow() < end) continue;
    await new Promise((resolve) => setImmediate(resolve));
    end = monotonicNow() + TURN_MS;
  }
}
