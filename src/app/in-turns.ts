// Owns long work that is done in parts, so that a process can do other work between them.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Does the parts with a turn of the event loop after each. */
export async function inTurns<T>(parts: Generator<undefined, T>): Promise<T> {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
    await nextTurn();
  }
}
