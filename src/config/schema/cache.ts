// Owns the `cache` section: the cache of verdicts.
import { z } from 'zod';
import { count, seconds } from './fields.ts';

/** `cache:` of the configuration file. */
export const cacheSection = z.strictObject({
  maxEntries: count(100_000, 'most verdicts in memory'),
  maxUnknownEntries: count(20_000, 'most verdicts about unknown devices in memory'),
  lifetimeSeconds: seconds(60, 'how long a verdict is used before the directory is read again'),
  unknownLifetimeSeconds: seconds(10, 'the same, for verdicts about unknown devices'),
  maxConcurrentLookups: count(
    256,
    'most concurrent look-ups in the directory for known phones, and as many again for unknown ones, of which one address gets at most half',
  ),
  lookupTimeoutMs: count(500, 'longest wait for the directory, in milliseconds'),
});
