// Owns how often a fuzz target runs.

/** More by hand: EASGATE_FUZZ_RUNS=100000. */
export const FUZZ_RUNS = Number(process.env['EASGATE_FUZZ_RUNS'] ?? 2_000);

/** Time for so many runs, on a slow machine. */
export const FUZZ_TIMEOUT_MS = 300_000 + FUZZ_RUNS * 100;
