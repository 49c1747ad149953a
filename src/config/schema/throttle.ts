// Owns the `throttle` section: how often a device may ask.
import { z } from 'zod';
import { atLeastZero, count, seconds } from './fields.ts';

/** `throttle:` of the configuration file. */
export const throttleSection = z.strictObject({
  burst: atLeastZero(300, 'requests of one command that a device may send at once; 0 = no limit'),
  perMinute: count(120, 'requests of one command per device and minute in the long run'),
  repeats: atLeastZero(
    45,
    'repeats of the same request without news, beyond repeatsPerMinute, after which a device is paused; 45 = once a second for 90 seconds; 0 = no limit',
  ),
  repeatsPerMinute: count(30, 'repeats per minute that are allowed forever'),
  pauseSeconds: seconds(30, 'length of the pause; one request is allowed after each pause'),
  maxDevices: count(50_000, 'most devices counted at one time'),
});
