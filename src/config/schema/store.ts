// Owns the `store` section: where the directory is kept.
import { z } from 'zod';
import { count, seconds, secret } from './fields.ts';

/** What is known of the store, whatever its kind. */
const knownStore = {
  id: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits, as `easgate store status` shows them')
    .optional()
    .describe(
      'required id of the store; absent = the id of the first store used, as recorded in identityFile',
    ),
  identityFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'file in which this machine records the id of its store; absent = store.json beside the SQLite file, or for Redis beside workers.pidFile',
    ),
  maxRollbackSeconds: seconds(
    10,
    'largest loss of recent writes that is tolerated; after a larger loss the store counts as unavailable until `easgate store accept`',
  ),
};

/** `store:` of the configuration file. */
export const storeSection = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('SQLite file, for a single gateway'),
    path: z.string().min(1).default('data/easgate.db').describe('SQLite file, created at the first start'),
    ...knownStore,
  }),
  z.strictObject({
    kind: z.literal('redis').describe('Redis server, for any number of gateways'),
    url: secret.describe('redis://[user:password@]host:port/database, or { env: NAME } or { file: PATH }'),
    keyPrefix: z.string().default('easgate:').describe('prefix of all keys'),
    commandTimeoutMs: count(150, 'longest wait for one command, in milliseconds'),
    ...knownStore,
  }),
]);
