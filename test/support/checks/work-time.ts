// Owns the measurement of work without waiting: the time of the processor that it takes, which other load on the machine does not change.

const RUNS = 5;

/** Milliseconds of the processor that this thread needs for the work. */
export function timeOf(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

/** The same of the quickest of several runs: the first ones compile the code. */
export function quickestOf(work: () => unknown): number {
  return Math.min(...Array.from({ length: RUNS }, () => timeOf(work)));
}
