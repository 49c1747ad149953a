// Owns the options of a verdict cache for tests that look at verdicts only: nothing is evicted, and no look-up is given up.
import type { VerdictCacheOptions } from '../../../src/directory/verdict-cache.ts';

export const ROOMY: VerdictCacheOptions = {
  maxEntries: 99,
  maxUnknownEntries: 99,
  lifetimeMs: 60_000,
  unknownLifetimeMs: 60_000,
  maxConcurrentLookups: 9,
  lookupTimeoutMs: 30_000,
  staleAllowedMs: 1,
  staleBlockedMs: 1,
  onLookupError: () => undefined,
};
