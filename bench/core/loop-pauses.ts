// Owns measuring how long other work of a process waits while it does something: the pauses of its event loop.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Runs `work`. Returns its result, and the p99 of the pauses of the event loop meanwhile, milliseconds. */
export async function withPauses<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly pausesP99Ms: number }> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  try {
    const result = await work();
    return { result, pausesP99Ms: delays.percentile(99) / 1e6 };
  } finally {
    delays.disable();
  }
}
