// Owns the `limits` section: sizes, times and numbers that phones must keep to.
import { z } from 'zod';
import { atLeastZero, count, seconds } from './fields.ts';

/** `limits:` of the configuration file. */
export const limitsSection = z.strictObject({
  maxHeadBytes: z
    .number()
    .int()
    .min(1_024)
    .max(1_048_576)
    .default(16_384)
    .describe('largest request head, in bytes'),
  maxHeaders: z.number().int().min(10).max(200).default(100).describe('most header lines of a request'),
  maxTargetBytes: z
    .number()
    .int()
    .min(256)
    .max(65_536)
    .default(4_096)
    .describe('longest request target, in bytes'),
  maxBodyBytes: count(104_857_600, 'largest request body of commands that carry mail, in bytes'),
  maxCommandBodyBytes: count(4_194_304, 'largest request body of all other commands, in bytes'),
  headTimeoutSeconds: seconds(15, 'longest time for a request head'),
  bodyTimeoutSeconds: seconds(
    60,
    'longest pause inside a request body, and longest time in which a phone reads nothing',
  ),
  minBodyRate: atLeastZero(
    256,
    'lowest rate of a request body, in bytes per second over rateWindowSeconds; 0 = no limit',
  ),
  minReadRate: atLeastZero(
    256,
    'lowest rate at which a phone must read a response, in bytes per second; 0 = no limit',
  ),
  rateWindowSeconds: seconds(10, 'period over which minBodyRate and minReadRate are measured'),
  keepAliveTimeoutSeconds: seconds(120, 'lifetime of an idle connection of a phone'),
  maxConnections: count(50_000, 'most connections of phones'),
  maxConnectionsPerAddress: atLeastZero(
    0,
    'most connections of one address; 0 = no limit (mobile networks share addresses)',
  ),
  maxInFlightPerDevice: atLeastZero(32, 'most concurrent requests of one device; 0 = no limit'),
  maxMemoryBytes: atLeastZero(
    0,
    'resident memory of a worker, in bytes, above which new held polls get 503; 0 = no limit',
  ),
  maxRequestsPerConnection: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('most requests on one connection; 0 = no limit'),
  heldPollMarginSeconds: seconds(
    60,
    'time that is added to the heartbeat of a held poll before it times out',
  ),
});
