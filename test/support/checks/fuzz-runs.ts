// Owns the number of runs of a fuzz test.

/** Set EASGATE_FUZZ_RUNS=100000 for a longer run. */
export const FUZZ_RUNS = Number(process.env['EASGATE_FUZZ_RUNS'] ?? 2_000);

/** Time-out for this number of runs on a slow machine. */
export const FUZZ_TIMEOUT_MS = 300_000 + FUZZ_RUNS * 100;
