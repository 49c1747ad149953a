// Owns the options of a verdict cache that makes two look-ups at once, with times that are beyond those of any test.
import type { VerdictCacheOptions } from '../../../src/directory/verdict-cache.ts';

/** For tests in which others wait for a place. */
export const TWO_AT_ONCE: VerdictCacheOptions = {
  maxEntries: 100,
  maxUnknownEntries: 100,
  lifetimeMs: 60_000,
  unknownLifetimeMs: 60_000,
  maxConcurrentLookups: 2,
  lookupTimeoutMs: 60_000,
  staleAllowedMs: 0,
  staleBlockedMs: 0,
  onLookupError: () => undefined,
};
