// Owns the options of a verdict cache for measurements: nothing in it gets old, and a look-up that fails ends the run.
import type { VerdictCacheOptions } from '../../src/directory/verdict-cache.ts';

export function patientCache(maxEntries: number): VerdictCacheOptions {
  return {
    maxEntries,
    maxUnknownEntries: 1,
    lifetimeMs: 3_600_000,
    unknownLifetimeMs: 3_600_000,
    maxConcurrentLookups: 256,
    lookupTimeoutMs: 60_000,
    staleAllowedMs: 1,
    staleBlockedMs: 1,
    onLookupError: (error) => {
      throw error;
    },
  };
}
