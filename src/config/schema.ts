// Owns the configuration: every field, its meaning, unit and default, in one zod schema.
import { z } from 'zod';
import { parseEndpoint } from './endpoint.ts';
import { messagesSchema } from './messages-schema.ts';

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

const file = (what: string): z.ZodString => z.string().min(1).describe(what);
const atLeastZero = (value: number, what: string): z.ZodDefault<z.ZodNumber> =>
  z.number().int().min(0).max(1_000_000_000_000).default(value).describe(what);
const ranges = z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]));
const tlsVersion = z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('lowest TLS version');

/** TLS 1.3 suites, then the forward-secret AEAD suites of TLS 1.2 (RFC 9325 4.2). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const PATH = 'must be a path that begins with /: letters, digits and . _ / -';
const PUBLIC_URL = 'must be a URL such as https://mail.example.com/Microsoft-Server-ActiveSync, in ASCII';

/** Headers that phones must send or the gateway writes: none of them can carry a user too. */
const OTHER_MEANING =
  /^(host|authorization|cookie|connection|expect|te|trailer|upgrade|via|user-agent|(content|transfer|x-forwarded|x-ms|ms)-.*)$/i;

const listenerTls = z.strictObject({
  certificates: z
    .array(
      z.strictObject({
        certificate: file('PEM file: the certificate, then its chain'),
        key: file('PEM file: its private key'),
      }),
    )
    .min(1)
    .describe('chosen by the host name the client asks for (SNI); the first one answers all others'),
  minVersion: tlsVersion,
  ciphers: z.string().min(1).default(CIPHERS).describe('cipher suites in OpenSSL notation'),
  handshakeTimeoutSeconds: seconds(10, 'longest time for a handshake'),
  maxHandshakesPerSecond: atLeastZero(0, 'new handshakes per second and worker; 0 = no limit'),
  ticketSecret: secret
    .optional()
    .describe(
      'secret of at least 32 characters from which session ticket keys are derived, the same on all nodes; absent = derived from a secret that the directory keeps',
    ),
  ticketRotationSeconds: seconds(86_400, 'how long one ticket key is used'),
  clientCertificate: z
    .strictObject({
      ca: file('PEM file of the authorities that issue the certificates of phones'),
      required: z.boolean().default(false).describe('refuse connections without one'),
      user: z
        .enum(['upn', 'email', 'commonName'])
        .default('upn')
        .describe('where the user name stands: UPN or e-mail in subjectAltName, or the CN of the subject'),
      forwardHeader: z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header: letters, digits and hyphens')
        .refine((name) => !OTHER_MEANING.test(name), 'is a header with a meaning of its own')
        .optional()
        .describe("header that carries the certificate's user to the mail server; absent = none"),
    })
    .optional()
    .describe('certificates of phones; absent = not asked for'),
});

const listen = z.strictObject({
  address: z.string().default('0.0.0.0').describe('address to listen on'),
  port: z.number().int().min(0).max(65_535).default(8780).describe('port to listen on; 0 = any free one'),
  tls: listenerTls.optional().describe('TLS towards phones; absent = plain HTTP, for a proxy in front'),
  proxyProtocolFrom: ranges
    .optional()
    .describe('addresses whose connections must begin with a PROXY protocol header; all others are refused'),
});

const probes = z.strictObject({
  listen: z
    .string()
    .refine(
      (text) => parseEndpoint(text) !== null,
      'must be ADDRESS:PORT, such as 127.0.0.1:8782 or [::1]:8782',
    )
    .optional()
    .describe(
      'ADDRESS:PORT of `/healthz` (200 while the workers answer) and `/readyz` (200 while the directory is known, a mail server is in use and nothing drains), else 503 with a reason; without TLS or token; absent = as EASGATE_HEALTH_LISTEN says, else none',
    ),
});

const workers = z.strictObject({
  count: z
    .union([z.literal('auto'), z.number().int().min(1).max(256)])
    .default('auto')
    .describe('worker processes; auto = one per core'),
  drainSeconds: seconds(30, 'longest time a worker that is replaced may take to finish'),
  pollWindowSeconds: seconds(10, 'held polls of a stopping worker end spread over this time'),
  pidFile: z.string().min(1).default('data/easgate.pid').describe('where `easgate reload` finds the gateway'),
});

const throttle = z.strictObject({
  burst: atLeastZero(300, 'requests of one command a device may make at once; 0 = no guard'),
  perMinute: count(120, 'and per minute in the long run'),
  repeats: atLeastZero(
    45,
    'times a mail app may repeat the same request without news, beyond repeatsPerMinute, until it is paused: once a second for 90 seconds; 0 = no limit',
  ),
  repeatsPerMinute: count(30, 'repeats per minute that are no loop'),
  pauseSeconds: seconds(30, 'for how long; it may then ask once, and again after as long'),
  maxDevices: count(50_000, 'devices counted at most'),
});

const upstreamTls = z.strictObject({
  ca: file('PEM file of trusted authorities').optional(),
  serverName: z.string().min(1).optional().describe('name in the certificate; absent = the host of url'),
  certificate: file('PEM file of a client certificate').optional(),
  key: file('PEM file of its key').optional(),
  minVersion: tlsVersion,
  insecureSkipVerify: z
    .boolean()
    .default(false)
    .describe('trust any certificate: anyone on the way can read all mail and passwords'),
});

const upstreamUrl = z
  .string()
  .refine(
    (url) => url === 'sample' || isHttpUrl(url),
    'must be "sample" or http(s)://host:port, without user, path or query',
  );

const server = z.strictObject({
  url: upstreamUrl.describe('http(s)://host:port'),
  name: z.string().min(1).optional().describe('for logs; absent = host and port'),
  weight: z.number().positive().max(1_000).default(1).describe('share of the traffic'),
  connectTimeoutSeconds: z
    .number()
    .positive()
    .max(86_400)
    .optional()
    .describe('longest wait for a connection, in seconds; absent = as for all'),
  responseTimeoutSeconds: z
    .number()
    .positive()
    .max(86_400)
    .optional()
    .describe('longest wait for a response head, in seconds; absent = as for all'),
  maxConnections: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('connections to this server at most; absent = as for all'),
});

const health = z.strictObject({
  method: z.enum(['OPTIONS', 'GET']).default('OPTIONS').describe('method of the check'),
  path: z
    .string()
    .startsWith('/', 'must be a path that begins with /')
    .optional()
    .describe('path of the check; absent = upstream.path'),
  intervalSeconds: seconds(5, 'time between two checks'),
  timeoutSeconds: seconds(3, 'longest wait for an answer'),
  rise: count(2, 'good answers in a row that bring a server back'),
  fall: count(3, 'bad ones that take it out'),
  maxStatus: z.number().int().min(200).max(599).default(499).describe('highest good status; 401 is one'),
});

const upstream = z.strictObject({
  url: upstreamUrl
    .default('sample')
    .describe('the mail server, http(s)://host:port; "sample" starts the built-in one'),
  servers: z
    .array(server)
    .max(64)
    .default([])
    .describe('several mail servers, in place of url; what a server leaves out is as below'),
  strategy: z
    .enum(['roundRobin', 'leastConnections', 'deviceHash'])
    .default('roundRobin')
    .describe('how one is chosen; deviceHash for servers that keep sync state locally (Z-Push, SOGo)'),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9./_-]+$/, PATH)
    .default('/Microsoft-Server-ActiveSync')
    .describe('the path every request is sent to'),
  hostHeader: z
    .enum(['preserve', 'upstream'])
    .default('preserve')
    .describe("which Host the mail server sees: the phone's or that of url"),
  tls: upstreamTls.prefault({}).describe('for https'),
  connectTimeoutSeconds: seconds(5, 'longest wait for a connection'),
  responseTimeoutSeconds: seconds(
    120,
    'longest wait for a response head, except of held polls; also for the answer about a password, which Z-Push may take half a minute to refuse',
  ),
  idleTimeoutSeconds: seconds(60, 'longest silence inside a response body'),
  maxConnections: count(20_000, 'connections to one mail server at most'),
  maxQueued: atLeastZero(1_000, 'requests that wait for a connection, per server'),
  queueTimeoutSeconds: seconds(5, 'longest such wait'),
  maxIdleConnections: count(512, 'idle connections kept at most'),
  idleConnectionSeconds: seconds(
    30,
    'how long an idle connection is kept; below the idle time-out of the server',
  ),
  sourceAddresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(64)
    .default([])
    .describe(
      'local addresses to connect from, in turn; each has about 28,000 ports (net.ipv4.ip_local_port_range) for all servers and workers together',
    ),
  proxyProtocol: z
    .union([z.literal(1), z.literal(2)])
    .optional()
    .describe('send a PROXY protocol header of this version; connections are then not shared between phones'),
  health: health.optional().describe('ask each server whether it is well; absent = learn from traffic only'),
  ejectAfter: count(3, 'failures in a row that take a server out of use, when another is left'),
  ejectSeconds: seconds(10, 'for how long'),
  slowStartSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(10)
    .describe(
      'a server that came back gets its full share after this time, in seconds; deviceHash does without, as a device that moves loses its sync state',
    ),
  connectionAuth: z
    .enum(['pin', 'strip'])
    .default('pin')
    .describe(
      'NTLM and Negotiate: pin a connection of the mail server to each phone, or strip the offer from its 401',
    ),
  forwarded: z
    .boolean()
    .default(false)
    .describe('send Forwarded (RFC 7239) beside X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host'),
});

const quarantine = z.strictObject({
  answer: z
    .enum(['mailbox', 'block'])
    .default('mailbox')
    .describe('mailbox = one of the gateway, with one message that says why; block = as blocked devices'),
  provisioning: z
    .enum(['server', 'gateway'])
    .default('server')
    .describe(
      'who answers Provision, and Settings about the device, of a quarantined phone: the mail server, or the gateway with an empty policy',
    ),
  keySecret: secret
    .optional()
    .describe(
      'secret of at least 32 characters that authenticates the sync keys of that mailbox; absent = drawn once and kept in the directory',
    ),
});

const passThrough = z.strictObject({
  paths: z
    .array(
      z.strictObject({
        path: z
          .string()
          .regex(/^\/[A-Za-z0-9._~/-]*$/, 'must be a path that begins with /: letters, digits and . _ ~ / -')
          .describe('as clients write it, without query'),
        match: z.enum(['exact', 'prefix']).default('exact').describe('prefix = also everything below it'),
        upgrade: z.boolean().default(false).describe('let WebSocket connections through'),
      }),
    )
    .min(1)
    .max(64)
    .describe('everything not listed is answered with 404; Exchange ActiveSync can not be listed'),
  url: z
    .string()
    .refine(isHttpUrl, 'must be http(s)://host:port, without user, path or query')
    .optional()
    .describe(
      'where they go; absent = to the mail servers, chosen by upstream.strategy, with the address of the client in place of the device',
    ),
  hostHeader: z
    .enum(['preserve', 'upstream'])
    .default('preserve')
    .describe("which Host is sent: the client's or that of url"),
  responseTimeoutSeconds: seconds(120, 'longest wait for a response head'),
  idleTimeoutSeconds: seconds(300, 'longest silence inside a response or a WebSocket connection'),
  maxConnections: count(5_000, 'connections of clients on these paths at most'),
  maxBodyBytes: count(104_857_600, 'request body, in bytes'),
});

/** What is known of the store, whatever its kind. */
const knownStore = {
  id: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits, as `easgate store status` shows them')
    .optional()
    .describe(
      'the store that this must be; absent = the one that was seen first, as identityFile remembers it',
    ),
  identityFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'where this machine remembers the store; absent = store.json beside the SQLite file, or for Redis beside workers.pidFile',
    ),
  maxRollbackSeconds: seconds(
    10,
    'a store that lost more of its latest writes is an outage until `easgate store accept`',
  ),
};

const store = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('a file, for one gateway'),
    path: z.string().min(1).default('data/easgate.db').describe('SQLite file, made at the first start'),
    ...knownStore,
  }),
  z.strictObject({
    kind: z.literal('redis').describe('a Redis server, for any number of gateways'),
    url: secret.describe('redis://[user:password@]host:port/database, or { env: NAME } or { file: PATH }'),
    keyPrefix: z.string().default('easgate:').describe('prefix of all keys'),
    commandTimeoutMs: count(150, 'longest wait for one command, in milliseconds'),
    ...knownStore,
  }),
]);

const policy = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'policy document (docs/reference/policy.md), read again whenever it changes; stands alone, without the three fields below',
    ),
  unknownDevice: action
    .optional()
    .describe('a device that no feed knows; quarantine when there is no file either'),
  notEnrolled: action.optional().describe('a device that a feed knows as not managed; likewise'),
  notCompliant: action.optional().describe('a managed device that is not compliant; likewise'),
  releaseRate: count(
    200,
    'phones a second of one worker that a change of the policy lets in, where it concerns more than 200 open ones: each of them fetches its mail anew',
  ),
});

const cache = z.strictObject({
  maxEntries: count(100_000, 'verdicts kept in memory at most'),
  maxUnknownEntries: count(20_000, 'verdicts about unknown devices kept at most'),
  lifetimeSeconds: seconds(60, 'how long a verdict is used without asking the directory again'),
  unknownLifetimeSeconds: seconds(10, 'the same for unknown devices'),
  maxConcurrentLookups: count(
    256,
    'look-ups in the directory at one time of phones that are known, and as many of strangers, of which one address gets half',
  ),
  lookupTimeoutMs: count(500, 'longest wait for the directory, in milliseconds'),
});

const outage = z.strictObject({
  allowedSeconds: seconds(900, 'how long a known allowed device stays allowed while the directory is away'),
  blockedSeconds: seconds(900, 'how long a known refused device stays refused while the directory is away'),
  retryAfterSeconds: seconds(30, 'Retry-After of 503 answers'),
});

const domainGroups = z
  .array(
    z
      .array(
        z
          .string()
          .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?$/, 'must be a DNS suffix or NetBIOS name'),
      )
      .min(1),
  )
  .refine((groups) => {
    const domains = groups.flat().map((domain) => domain.toLowerCase());
    return new Set(domains).size === domains.length;
  }, 'must name each domain once: a user belongs to one group')
  .default([])
  .describe(
    'groups of DNS suffixes and NetBIOS names, e.g. [[example.com, EXAMPLE]]; within a group, names with the same local part ' +
      'are one user',
  );

const identity = z.strictObject({
  userClaim: z
    .enum(['refuse', 'rewrite', 'ignore'])
    .default('refuse')
    .describe('what to do when User= is not the authenticated user'),
  bearerClaim: z.string().min(1).default('upn').describe('claim of a Bearer token that names the user'),
  domains: domainGroups,
  trustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .default([])
    .describe('addresses or blocks of proxies whose word on the client counts'),
  forwardedHeader: z
    .enum(['xForwardedFor', 'forwarded'])
    .default('xForwardedFor')
    .describe(
      'what they say it by: X-Forwarded-For and X-Forwarded-Proto, or Forwarded (RFC 7239); the other is not looked at',
    ),
});

const limits = z.strictObject({
  maxHeadBytes: z.number().int().min(1_024).max(1_048_576).default(16_384).describe('request head, in bytes'),
  maxHeaders: z.number().int().min(10).max(200).default(100).describe('header lines of a request'),
  maxTargetBytes: z.number().int().min(256).max(65_536).default(4_096).describe('request target, in bytes'),
  maxBodyBytes: count(104_857_600, 'request body of a command that carries mail, in bytes'),
  maxCommandBodyBytes: count(4_194_304, 'request body of all other commands, in bytes'),
  headTimeoutSeconds: seconds(15, 'longest time for a request head'),
  bodyTimeoutSeconds: seconds(60, 'longest silence inside a request body, or of a phone that reads nothing'),
  minBodyRate: atLeastZero(
    256,
    'slowest request body, in bytes a second over rateWindowSeconds; 0 = no limit',
  ),
  minReadRate: atLeastZero(256, 'slowest reader of a response, in bytes a second; 0 = no limit'),
  rateWindowSeconds: seconds(10, 'time over which these two rates are judged'),
  keepAliveTimeoutSeconds: seconds(120, 'how long an idle connection of a phone is kept'),
  maxConnections: count(50_000, 'connections of phones at most'),
  maxConnectionsPerAddress: atLeastZero(
    0,
    'connections of one address; 0 = no limit (carriers share addresses)',
  ),
  maxInFlightPerDevice: atLeastZero(32, 'requests of one device under way; 0 = no limit'),
  maxMemoryBytes: atLeastZero(
    0,
    'resident memory of a worker above which new held polls get 503; 0 = no limit',
  ),
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
  summarySeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(300)
    .describe('time between two lines of counters of each worker, in seconds; 0 = none'),
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

const autodiscover = z.strictObject({
  mode: z
    .enum(['answer', 'forward'])
    .default('answer')
    .describe(
      'answer = publicUrl for everyone whose password the mail server takes; forward = the mail server is asked about the user, and publicUrl told in place of its own address',
    ),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9./_-]+$/, PATH)
    .default('/Autodiscover/Autodiscover.xml')
    .describe('where the mail server is asked'),
});

/** The whole configuration. Unknown fields are errors. */
export const configSchema = z.strictObject({
  listen: listen.prefault({}).describe('where phones connect'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: PUBLIC_URL })
    .regex(/^[!-~]+$/, PUBLIC_URL)
    .optional()
    .describe('the URL phones use, https://host/Microsoft-Server-ActiveSync: for redirects and Autodiscover'),
  publicHosts: z
    .array(z.string().min(1).toLowerCase())
    .default([])
    .describe('host names answered for; empty = any'),
  quarantine: quarantine.prefault({}).describe('what quarantined phones see'),
  messages: messagesSchema.prefault({}).describe('the message they get'),
  autodiscover: autodiscover
    .optional()
    .describe(
      'phones that look for their server, at /autodiscover/autodiscover.xml and .json; absent = not served',
    ),
  passThrough: passThrough
    .optional()
    .describe('other paths of the mail server that may be reached; absent = none'),
  workers: workers.prefault({}).describe('processes that serve'),
  health: probes.prefault({}).describe('probes of load balancers and container engines'),
  upstream: upstream.prefault({}).describe('the mail server, or several'),
  store: store.prefault({ kind: 'embedded' }).describe('where the directory is kept'),
  policy: policy.prefault({}).describe('which phones get mail, and what happens to the others'),
  cache: cache.prefault({}).describe('verdicts in memory'),
  outage: outage.prefault({}).describe('while the directory is away'),
  identity: identity.prefault({}).describe('how requests are named'),
  limits: limits.prefault({}).describe('bounds of the client side'),
  throttle: throttle.prefault({}).describe('the battery guard: devices in a tight loop'),
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
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && bare;
}
