// Owns the `outage` section: what is answered while the directory is unavailable.
import { z } from 'zod';
import { seconds } from './fields.ts';

/** `outage:` of the configuration file. */
export const outageSection = z.strictObject({
  allowedSeconds: seconds(900, 'how long the last "allow" is used while the directory is unavailable'),
  blockedSeconds: seconds(900, 'how long the last refusal is used while the directory is unavailable'),
  retryAfterSeconds: seconds(30, 'Retry-After of 503 answers'),
});
