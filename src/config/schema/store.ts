// Owns the `store` section: where the directory is kept.
import { z } from 'zod';
import { count, file, seconds, secret } from './fields.ts';

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
    identityCopy: z
      .string()
      .min(1)
      .optional()
      .describe(
        'second file in which this machine records the id of its store, written while it is on another file system than the SQLite file: if that is not mounted at a start, no new directory is created in its place; absent = store-copy.json beside workers.pidFile',
      ),
  }),
  z.strictObject({
    kind: z.literal('redis').describe('Redis server, for any number of gateways'),
    url: secret
      .optional()
      .describe(
        'redis://[user:password@]host:port/database, or rediss:// for TLS; the value, or { env: NAME } or { file: PATH }. Required without sentinels and cluster',
      ),
    sentinels: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('host:port of each Redis Sentinel, which names the primary; in place of url'),
    name: z.string().min(1).optional().describe('what Sentinel calls the primary; required with sentinels'),
    sentinelUsername: z.string().min(1).optional().describe('user (ACL) of the Sentinels'),
    sentinelPassword: secret.optional().describe('password of the Sentinels'),
    cluster: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('host:port of some nodes of a Redis Cluster, which name the others; in place of url'),
    username: z.string().min(1).optional().describe('user (ACL) of Redis; absent = the one in url'),
    password: secret.optional().describe('password of Redis; absent = the one in url'),
    database: z.int().min(0).optional().describe('number of the database; absent = the one in url'),
    tls: z
      .strictObject({
        ca: file('PEM file of the authorities trusted for Redis; absent = those of Node.js').optional(),
        certificate: file('PEM file of a client certificate').optional(),
        key: file('PEM file of the private key').optional(),
      })
      .optional()
      .describe('TLS to Redis, its Cluster and Sentinel; with url it must begin with rediss://'),
    keyPrefix: z
      .string()
      .regex(/^[^{}]*$/, 'must have no braces, which have a meaning in Redis Cluster')
      .default('easgate:')
      .describe('prefix of all keys, without braces'),
    commandTimeoutMs: count(
      300,
      'longest wait of a worker for one command, in milliseconds; the command line, the control process, the journal and a worker that starts wait for 4000 at least',
    ),
    ...knownStore,
  }),
]);
