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
    .describe('certificates, chosen by the host name in SNI; the first one is the default'),
  minVersion: tlsVersion,
  ciphers: z.string().min(1).default(CIPHERS).describe('cipher suites in OpenSSL notation'),
  handshakeTimeoutSeconds: seconds(10, 'longest TLS handshake'),
  maxHandshakesPerSecond: atLeastZero(0, 'most new handshakes per second and worker; 0 = no limit'),
  ticketSecret: secret
    .optional()
    .describe(
      'secret of at least 32 characters for deriving session ticket keys, the same on all nodes; absent = derived from a secret in the directory',
    ),
  ticketRotationSeconds: seconds(86_400, 'lifetime of a session ticket key'),
  clientCertificate: z
    .strictObject({
      ca: file('PEM file of the authorities that issue client certificates'),
      required: z.boolean().default(false).describe('refuse connections without a client certificate'),
      user: z
        .enum(['upn', 'email', 'commonName'])
        .default('upn')
        .describe('source of the user name: UPN or e-mail in subjectAltName, or the CN of the subject'),
      forwardHeader: z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header: letters, digits and hyphens')
        .refine((name) => !OTHER_MEANING.test(name), 'is a header with a meaning of its own')
        .optional()
        .describe("header in which the certificate's user is sent to the mail server; absent = none"),
    })
    .optional()
    .describe('client certificates; absent = not requested'),
});

const listen = z.strictObject({
  address: z.string().default('0.0.0.0').describe('address to listen on'),
  port: z.number().int().min(0).max(65_535).default(8780).describe('port to listen on; 0 = any free one'),
  tls: listenerTls.optional().describe('TLS for phones; absent = plain HTTP, for use behind a TLS proxy'),
  proxyProtocolFrom: ranges
    .optional()
    .describe(
      'addresses that must send a PROXY protocol header; connections from other addresses are refused',
    ),
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
      'ADDRESS:PORT of the probes, without TLS or token: `/healthz` is 200 while the workers answer; `/readyz` is 200 while the directory is available, a mail server is healthy and the gateway is not stopping; else 503 with a reason. Absent = EASGATE_HEALTH_LISTEN, else no probes',
    ),
});

const workers = z.strictObject({
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

const control = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe(
      'run a control process beside the workers: it keeps the read model for lists and reports; phones do not depend on it',
    ),
  readModel: z
    .string()
    .min(1)
    .optional()
    .describe(
      'SQLite file of the read model: a cache that may be deleted; absent = read-model.db beside store.identityFile',
    ),
});

const throttle = z.strictObject({
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

const upstreamTls = z.strictObject({
  ca: file('PEM file of trusted authorities').optional(),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe("expected name in the server's certificate; absent = the host of url"),
  certificate: file('PEM file of a client certificate').optional(),
  key: file('PEM file of the private key').optional(),
  minVersion: tlsVersion,
  insecureSkipVerify: z
    .boolean()
    .default(false)
    .describe('accept any certificate: anyone on the network path can read all mail and passwords'),
});

const upstreamUrl = z
  .string()
  .refine(
    (url) => url === 'sample' || isHttpUrl(url),
    'must be "sample" or http(s)://host:port, without user, path or query',
  );

const server = z.strictObject({
  url: upstreamUrl.describe('http(s)://host:port'),
  name: z.string().min(1).optional().describe('name in logs; absent = host and port'),
  weight: z
    .number()
    .positive()
    .max(1_000)
    .default(1)
    .describe('share of the traffic, relative to the other servers'),
  connectTimeoutSeconds: z
    .number()
    .positive()
    .max(86_400)
    .optional()
    .describe('longest wait for a connection, in seconds; absent = upstream.connectTimeoutSeconds'),
  responseTimeoutSeconds: z
    .number()
    .positive()
    .max(86_400)
    .optional()
    .describe('longest wait for a response head, in seconds; absent = upstream.responseTimeoutSeconds'),
  maxConnections: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('most connections to this server; absent = upstream.maxConnections'),
});

const health = z.strictObject({
  method: z.enum(['OPTIONS', 'GET']).default('OPTIONS').describe('method of the health check'),
  path: z
    .string()
    .startsWith('/', 'must be a path that begins with /')
    .optional()
    .describe('path of the health check; absent = upstream.path'),
  intervalSeconds: seconds(5, 'time between two health checks'),
  timeoutSeconds: seconds(3, 'longest wait for the response'),
  rise: count(2, 'successful checks in a row after which a server is used again'),
  fall: count(3, 'failed checks in a row after which a server is no longer used'),
  maxStatus: z
    .number()
    .int()
    .min(200)
    .max(599)
    .default(499)
    .describe('highest status that counts as success (401 should)'),
});

const upstream = z.strictObject({
  url: upstreamUrl
    .default('sample')
    .describe('the mail server, http(s)://host:port; "sample" starts the built-in sample server'),
  servers: z
    .array(server)
    .max(64)
    .default([])
    .describe('several mail servers, instead of url; fields missing in a server are taken from upstream'),
  strategy: z
    .enum(['roundRobin', 'leastConnections', 'deviceHash'])
    .default('roundRobin')
    .describe(
      'how a server is chosen; use deviceHash for servers that keep sync state locally (Z-Push, SOGo)',
    ),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9./_-]+$/, PATH)
    .default('/Microsoft-Server-ActiveSync')
    .describe('path of all requests to the mail server'),
  hostHeader: z
    .enum(['preserve', 'upstream'])
    .default('preserve')
    .describe("Host header for the mail server: the phone's, or the host of url"),
  tls: upstreamTls.prefault({}).describe('TLS to the mail server, for https URLs'),
  connectTimeoutSeconds: seconds(5, 'longest wait for a connection'),
  responseTimeoutSeconds: seconds(
    120,
    'longest wait for a response head, except for held polls; also applies to password checks, which Z-Push may take half a minute to refuse',
  ),
  idleTimeoutSeconds: seconds(60, 'longest pause inside a response body'),
  maxConnections: count(20_000, 'most connections to one mail server'),
  maxQueued: atLeastZero(1_000, 'most requests waiting for a connection, per server'),
  queueTimeoutSeconds: seconds(5, 'longest wait in that queue'),
  maxIdleConnections: count(512, 'most idle connections kept open, per server'),
  idleConnectionSeconds: seconds(
    30,
    'lifetime of an idle connection; set it below the idle timeout of the mail server',
  ),
  sourceAddresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(64)
    .default([])
    .describe(
      'local addresses for connections to the mail servers, used in turn; each has about 28,000 ports (net.ipv4.ip_local_port_range), shared by all servers and workers',
    ),
  proxyProtocol: z
    .union([z.literal(1), z.literal(2)])
    .optional()
    .describe('send a PROXY protocol header of this version; each phone then has its own connections'),
  health: health.optional().describe('health checks of each server; absent = failures of requests only'),
  ejectAfter: count(
    3,
    'failed requests in a row after which a server is not used for a while, if another one is left',
  ),
  ejectSeconds: seconds(10, 'how long such a server is not used'),
  slowStartSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(10)
    .describe(
      'time in seconds over which a returning server is given its full share; ignored by deviceHash, because a device that changes servers loses its sync state',
    ),
  connectionAuth: z
    .enum(['pin', 'strip'])
    .default('pin')
    .describe(
      'NTLM and Negotiate: pin = one upstream connection per phone connection; strip = remove both schemes from 401 responses',
    ),
  forwarded: z
    .boolean()
    .default(false)
    .describe(
      'send Forwarded (RFC 7239) in addition to X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host',
    ),
});

const quarantine = z.strictObject({
  answer: z
    .enum(['mailbox', 'block'])
    .default('mailbox')
    .describe(
      'mailbox = a mailbox served by the gateway, with one message that explains why; block = the answer for blocked devices',
    ),
  provisioning: z
    .enum(['server', 'gateway'])
    .default('server')
    .describe(
      'who answers Provision and device information of a quarantined phone: the mail server, or the gateway with an empty policy',
    ),
  keySecret: secret
    .optional()
    .describe(
      'secret of at least 32 characters that authenticates the sync keys of the quarantine mailbox; absent = generated once and kept in the directory',
    ),
});

const passThrough = z.strictObject({
  paths: z
    .array(
      z.strictObject({
        path: z
          .string()
          .regex(/^\/[A-Za-z0-9._~/-]*$/, 'must be a path that begins with /: letters, digits and . _ ~ / -')
          .describe('path as clients write it, without query'),
        match: z.enum(['exact', 'prefix']).default('exact').describe('prefix = also all paths below it'),
        upgrade: z.boolean().default(false).describe('allow WebSocket connections'),
      }),
    )
    .min(1)
    .max(64)
    .describe('paths that are forwarded; all others get 404. Exchange ActiveSync cannot be listed'),
  url: z
    .string()
    .refine(isHttpUrl, 'must be http(s)://host:port, without user, path or query')
    .optional()
    .describe(
      'server for these paths; absent = the mail servers, chosen by upstream.strategy (deviceHash then hashes the client address)',
    ),
  hostHeader: z
    .enum(['preserve', 'upstream'])
    .default('preserve')
    .describe("Host header for the server: the client's, or the host of url"),
  responseTimeoutSeconds: seconds(120, 'longest wait for a response head'),
  idleTimeoutSeconds: seconds(300, 'longest pause inside a response or a WebSocket connection'),
  maxConnections: count(5_000, 'most client connections on these paths'),
  maxBodyBytes: count(104_857_600, 'largest request body, in bytes'),
});

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

const store = z.discriminatedUnion('kind', [
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
    'phones a second of one worker that a change of the policy, of the directory or a moment in time lets in, where it concerns more than 200 open ones: each of them fetches its mail anew',
  ),
});

const cache = z.strictObject({
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

const outage = z.strictObject({
  allowedSeconds: seconds(900, 'how long the last "allow" is used while the directory is unavailable'),
  blockedSeconds: seconds(900, 'how long the last refusal is used while the directory is unavailable'),
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
    .describe(
      'when User= is not the authenticated user: refuse the request, rewrite User=, or ignore the difference',
    ),
  bearerClaim: z.string().min(1).default('upn').describe('claim of a Bearer token with the user name'),
  domains: domainGroups,
  trustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .default([])
    .describe('addresses or blocks of proxies trusted to report the client in forwardedHeader'),
  forwardedHeader: z
    .enum(['xForwardedFor', 'forwarded'])
    .default('xForwardedFor')
    .describe(
      'header that trusted proxies set: X-Forwarded-For with X-Forwarded-Proto, or Forwarded (RFC 7239); the other is ignored',
    ),
});

const limits = z.strictObject({
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

const log = z.strictObject({
  level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('lowest level that is logged'),
  access: z.boolean().default(true).describe('one line per finished request'),
  destination: z.string().min(1).default('stdout').describe('"stdout" or the path of a file'),
  identities: z.boolean().default(true).describe('log user, device and client address; false = omit them'),
  summarySeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(300)
    .describe('interval of the log lines with counters, per worker, in seconds; 0 = none'),
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
        user: z.string().min(1).optional().describe('user to whom the decision is limited'),
        managed: z.boolean().optional().describe('whether the device is enrolled; absent = not reported'),
        compliant: z.boolean().optional().describe('whether the device is compliant; absent = not reported'),
        model: z.string().optional().describe('hardware model'),
        os: z.string().optional().describe('operating system and version'),
        decision: action.optional().describe('decision by an operator'),
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
      'answer = reply with publicUrl once the mail server has accepted the password; forward = ask the mail server about the user, and replace its address by publicUrl',
    ),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9./_-]+$/, PATH)
    .default('/Autodiscover/Autodiscover.xml')
    .describe("path of the mail server's Autodiscover"),
});

/** The whole configuration. Unknown fields are errors. */
export const configSchema = z.strictObject({
  listen: listen.prefault({}).describe('listener for phones'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: PUBLIC_URL })
    .regex(/^[!-~]+$/, PUBLIC_URL)
    .optional()
    .describe(
      'URL of the gateway for phones, https://host/Microsoft-Server-ActiveSync; used in redirects and Autodiscover',
    ),
  publicHosts: z
    .array(z.string().min(1).toLowerCase())
    .default([])
    .describe('accepted host names; empty = any'),
  quarantine: quarantine.prefault({}).describe('answers to quarantined phones'),
  messages: messagesSchema.prefault({}).describe('message for quarantined phones'),
  autodiscover: autodiscover
    .optional()
    .describe('Autodiscover at /autodiscover/autodiscover.xml and .json; absent = not served'),
  passThrough: passThrough
    .optional()
    .describe('other paths that are forwarded to the mail server; absent = none'),
  workers: workers.prefault({}).describe('worker processes'),
  control: control.prefault({}).describe('the control process: lists and reports'),
  health: probes.prefault({}).describe('probes for load balancers and container engines'),
  upstream: upstream.prefault({}).describe('the mail servers'),
  store: store.prefault({ kind: 'embedded' }).describe('storage of the directory'),
  policy: policy.prefault({}).describe('which phones get mail, and the actions for the others'),
  cache: cache.prefault({}).describe('cache of verdicts'),
  outage: outage.prefault({}).describe('behaviour while the directory is unavailable'),
  identity: identity.prefault({}).describe('user names and client addresses'),
  limits: limits.prefault({}).describe('limits for phones'),
  throttle: throttle.prefault({}).describe('battery guard: pauses devices that repeat requests in a loop'),
  log: log.prefault({}).describe('log lines'),
  sample: sample.prefault({}).describe('data of the built-in sample server'),
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
