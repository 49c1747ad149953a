// Owns the `upstream` section: the mail servers, their connections and health checks.
import { z } from 'zod';
import { atLeastZero, count, file, isHttpUrl, seconds, serverPath, tlsVersion } from './fields.ts';

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

const healthCheck = z.strictObject({
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

/** `upstream:` of the configuration file. */
export const upstreamSection = z.strictObject({
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
  path: serverPath
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
  health: healthCheck.optional().describe('health checks of each server; absent = failures of requests only'),
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
