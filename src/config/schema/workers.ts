// Owns the `workers` section: number of worker processes, and how one stops.
import { z } from 'zod';
import { seconds } from './fields.ts';

/** `workers:` of the configuration file. */
export const workersSection = z.strictObject({
  count: z
    .union([z.literal('auto'), z.number().int().min(1).max(256)])
    .default('auto')
    .describe('worker processes; auto = one per core'),
  drainSeconds: seconds(30, 'longest time for a stopping worker to finish its requests'),
  pollWindowSeconds: seconds(10, 'a stopping worker ends its held polls spread over this time'),
  pidFile: z
    .string()
    .min(1)
    .default('data/easgate.pid')
    .describe('file with the process id of the gateway, for `easgate reload`'),
});
