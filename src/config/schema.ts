// Owns the configuration: every field, its meaning, unit and default, in one zod schema.
import { z } from 'zod';

const action = z.enum(['allow', 'block', 'quarantine']);
const seconds = (value: number, what: string): z.ZodDefault<z.ZodNumber> =>
  z.number().positive().max(86_400).default(value).describe(`${what}, in seconds`);
const count = (value: number, what: string): z.ZodDefault<z.ZodNumber> =>
  z.number().int().min(1).max(1_000_000_000).default(value).describe(what);

/** A secret: the value itself, the name of an environment variable, or the path of a file that holds it. */
const secret = z.union([
  z.string().min(1),
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
]);

const listen = z.strictObject({
  address: z.string().default('0.0.0.0').describe('address to listen on'),
  port: z.number().int().min(0).max(65_535).default(8780).describe('port to listen on; 0 = any free one'),
});

const upstream = z.strictObject({
  url: z
    .string()
    .refine(
      (url) => url === 'sample' || isHttpUrl(url),
      'must be "sample" or http://host:port (TLS to the mail server is not built yet)',
    )
    .default('sample')
    .describe('the mail server, http://host:port; "sample" starts the built-in one'),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9./_-]+$/)
    .default('/Microsoft-Server-ActiveSync')
    .describe('the path every request is sent to'),
  hostHeader: z
    .enum(['preserve', 'upstream'])
    .default('preserve')
    .describe("which Host the mail server sees: the phone's or that of url"),
  connectTimeoutSeconds: seconds(5, 'longest wait for a connection'),
  responseTimeoutSeconds: seconds(120, 'longest wait for a response head, except of held polls'),
  idleTimeoutSeconds: seconds(60, 'longest silence inside a response body'),
  maxConnections: count(20_000, 'connections to the mail server at most'),
  maxIdleConnections: count(512, 'idle connections kept at most'),
  idleConnectionSeconds: seconds(
    30,
    'how long an idle connection is kept; below the idle time-out of the server',
  ),
});

const store = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('a file, for one gateway'),
    path: z.string().min(1).default('data/easgate.db').describe('SQLite file, made when missing'),
  }),
  z.strictObject({
    kind: z.literal('redis').describe('a Redis server, for any number of gateways'),
    url: secret.describe('redis://[user:password@]host:port/database, or { env: NAME } or { file: PATH }'),
    keyPrefix: z.string().default('easgate:').describe('prefix of all keys'),
    commandTimeoutMs: count(150, 'longest wait for one command, in milliseconds'),
  }),
]);

const policy = z.strictObject({
  unknownDevice: action.default('quarantine').describe('a device that no feed knows'),
  notEnrolled: action.default('quarantine').describe('a device that a feed knows as not managed'),
  notCompliant: action.default('quarantine').describe('a managed device that is not compliant'),
});

const cache = z.strictObject({
  maxEntries: count(100_000, 'verdicts kept in memory at most'),
  maxUnknownEntries: count(20_000, 'verdicts about unknown devices kept at most'),
  lifetimeSeconds: seconds(60, 'how long a verdict is used without asking the directory again'),
  unknownLifetimeSeconds: seconds(10, 'the same for unknown devices'),
  maxConcurrentLookups: count(256, 'look-ups in the directory at one time'),
  lookupTimeoutMs: count(500, 'longest wait for the directory, in milliseconds'),
});

const outage = z.strictObject({
  allowedSeconds: seconds(900, 'how long a known allowed device stays allowed while the directory is away'),
  blockedSeconds: seconds(900, 'how long a known refused device stays refused while the directory is away'),
  retryAfterSeconds: seconds(30, 'Retry-After of 503 answers'),
});

const identity = z.strictObject({
  userClaim: z
    .enum(['refuse', 'rewrite', 'ignore'])
    .default('refuse')
    .describe('what to do when User= is not the authenticated user'),
  bearerClaim: z.string().min(1).default('upn').describe('claim of a Bearer token that names the user'),
  trustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .default([])
    .describe('addresses or blocks whose X-Forwarded-For is believed'),
});

const limits = z.strictObject({
  maxHeadBytes: z.number().int().min(1_024).max(1_048_576).default(16_384).describe('request head, in bytes'),
  maxHeaders: z.number().int().min(10).max(200).default(100).describe('header lines of a request'),
  maxTargetBytes: z.number().int().min(256).max(65_536).default(4_096).describe('request target, in bytes'),
  maxBodyBytes: count(104_857_600, 'request body, in bytes'),
  headTimeoutSeconds: seconds(15, 'longest time for a request head'),
  bodyTimeoutSeconds: seconds(60, 'longest silence inside a request body, or of a phone that reads nothing'),
  keepAliveTimeoutSeconds: seconds(120, 'how long an idle connection of a phone is kept'),
  maxConnections: count(50_000, 'connections of phones at most'),
  maxRequestsPerConnection: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('requests on one connection; 0 = no limit'),
  heldPollMarginSeconds: seconds(60, 'added to the heartbeat a phone asks for'),
});

const log = z.strictObject({
  level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('lowest level written'),
  access: z.boolean().default(true).describe('one line per finished request'),
  destination: z.string().min(1).default('stdout').describe('"stdout" or the path of a file'),
  identities: z
    .boolean()
    .default(true)
    .describe('write user, device and client address; false = leave them out'),
});

const sample = z.strictObject({
  users: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe('login name'),
        password: secret.describe('password for Basic authentication'),
      }),
    )
    .default([])
    .describe('users of the built-in mail server'),
  devices: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[A-Za-z0-9]{1,32}$/, 'must be 1 to 32 letters and digits')
          .describe('device id as in DeviceId='),
        user: z.string().min(1).optional().describe('the decision holds for this user only'),
        managed: z.boolean().optional().describe('whether the device is enrolled; absent = not reported'),
        compliant: z.boolean().optional().describe('whether it meets the rules; absent = not reported'),
        model: z.string().optional().describe('hardware model'),
        os: z.string().optional().describe('operating system and version'),
        decision: action.optional().describe('a decision made by hand'),
      }),
    )
    .default([])
    .describe('devices written to the directory at start when upstream.url is "sample"'),
});

/** The whole configuration. Unknown fields are errors. */
export const configSchema = z.strictObject({
  listen: listen.prefault({}).describe('where phones connect'),
  publicHosts: z
    .array(z.string().min(1).toLowerCase())
    .default([])
    .describe('host names answered for; empty = any'),
  upstream: upstream.prefault({}).describe('the mail server'),
  store: store.prefault({ kind: 'embedded' }).describe('where the directory is kept'),
  policy: policy.prefault({}).describe('what happens to devices without a decision of their own'),
  cache: cache.prefault({}).describe('verdicts in memory'),
  outage: outage.prefault({}).describe('while the directory is away'),
  identity: identity.prefault({}).describe('how requests are named'),
  limits: limits.prefault({}).describe('bounds of the client side'),
  log: log.prefault({}).describe('log lines'),
  sample: sample.prefault({}).describe('for trying easgate'),
});

/** A checked configuration with all defaults filled in. */
export type Config = z.infer<typeof configSchema>;

/** A secret as written in the file. */
export type Secret = z.infer<typeof secret>;

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return url.protocol === 'http:' && url.pathname === '/' && bare;
}
