// Owns the priority of the control process: below the workers, so that on a busy machine requests of phones come first.
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As of setpriority(2); workers have 0. */
const NICENESS = 10;
/** The threads of this process, on Linux, where each has a priority of its own. Those that start later have that of the thread that starts them. */
const THREADS = '/proc/self/task';

/** For all threads: V8 has started those that collect garbage by now. */
export function lowerPriority(): void {
  try {
    setPriority(NICENESS);
    for (const thread of readdirSync(THREADS)) setPriority(Number(thread), NICENESS);
  } catch {
    // A container may forbid it; other systems list no threads, and have one priority for all.
  }
}
