// Owns the proof that every field of the file reaches the data plane, in its unit: one file in which no field has its default.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationTable } from '../../src/config/describe.ts';
import { cacheOptions, gatewaySettings } from '../../src/config/gateway-settings.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { addressRange } from '../../src/ip-address.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import type { Credentials } from '../support/servers/certificates.ts';
import type { UserKey } from '../../src/identity/keys.ts';

let folder = '';
let authority = '';
let listenPair: Credentials;
let upstreamPair: Credentials;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-settings-'));
  const ca = await createAuthority();
  authority = ca.certificate;
  listenPair = await ca.issue({});
  upstreamPair = await ca.issue({ commonNames: ['gateway'] });
  writeFileSync(join(folder, 'ca.pem'), authority);
  for (const [name, { certificate, key }] of [
    ['listen', listenPair],
    ['upstream', upstreamPair],
  ] as const) {
    writeFileSync(join(folder, `${name}.pem`), certificate);
    writeFileSync(join(folder, `${name}.key`), key);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const parse = (text: string): Config => parseConfig(text, join(folder, 'easgate.yaml'));

/** All numbers differ, so that a test fails when two fields are mixed up. */
const FULL = `
listen:
  address: 127.0.0.9
  port: 9443
  proxyProtocolFrom: [10.1.0.0/16]
  tls:
    certificates: [{ certificate: listen.pem, key: listen.key }]
    minVersion: TLSv1.3
    ciphers: TLS_AES_256_GCM_SHA384
    handshakeTimeoutSeconds: 1.5
    maxHandshakesPerSecond: 101
    ticketSecret: ticket-secret-of-more-than-32-characters
    ticketRotationSeconds: 102
    clientCertificate: { ca: ca.pem, required: true, user: commonName, forwardHeader: X-Client-User }
publicUrl: https://mail.example.com/Microsoft-Server-ActiveSync
publicHosts: [Mail.Example.COM]
quarantine: { provisioning: gateway, keySecret: mailbox-secret-of-more-than-32-characters }
autodiscover: { mode: forward, path: /auto/discover.xml }
passThrough:
  paths:
    - { path: /owa, match: prefix, upgrade: true }
    - { path: /EWS/Exchange.asmx }
  url: https://owa.internal:8444
  hostHeader: upstream
  responseTimeoutSeconds: 103
  idleTimeoutSeconds: 104
  maxConnections: 105
  maxBodyBytes: 106
upstream:
  servers:
    - { url: "https://one.internal", name: first, weight: 2.5, connectTimeoutSeconds: 1.1, responseTimeoutSeconds: 1.2, maxConnections: 107 }
    - { url: "http://192.0.2.1:8081" }
  strategy: deviceHash
  path: /eas
  hostHeader: upstream
  tls: { ca: ca.pem, serverName: mail.internal, certificate: upstream.pem, key: upstream.key, minVersion: TLSv1.3, insecureSkipVerify: true }
  connectTimeoutSeconds: 108
  responseTimeoutSeconds: 109
  idleTimeoutSeconds: 110
  maxConnections: 111
  maxQueued: 112
  queueTimeoutSeconds: 113
  maxIdleConnections: 114
  idleConnectionSeconds: 115
  sourceAddresses: [192.0.2.9]
  proxyProtocol: 2
  health: { method: GET, path: /health, intervalSeconds: 116, timeoutSeconds: 117, rise: 118, fall: 119, maxStatus: 299 }
  ejectAfter: 120
  ejectSeconds: 121
  slowStartSeconds: 122
  connectionAuth: strip
  forwarded: true
outage: { allowedSeconds: 123, blockedSeconds: 124, retryAfterSeconds: 125 }
cache: { maxEntries: 126, maxUnknownEntries: 127, lifetimeSeconds: 128, unknownLifetimeSeconds: 129, maxConcurrentLookups: 130, lookupTimeoutMs: 131 }
identity:
  userClaim: rewrite
  bearerClaim: email
  domains: [[example.com, EXAMPLE]]
  trustedProxies: [10.2.0.0/16, "2001:db8::1"]
  forwardedHeader: forwarded
throttle: { burst: 132, perMinute: 133, repeats: 135, repeatsPerMinute: 136, pauseSeconds: 137, maxDevices: 134 }
limits:
  maxHeadBytes: 2048
  maxHeaders: 20
  maxTargetBytes: 1024
  maxBodyBytes: 135
  maxCommandBodyBytes: 136
  headTimeoutSeconds: 137
  bodyTimeoutSeconds: 138
  minBodyRate: 139
  minReadRate: 140
  rateWindowSeconds: 141
  keepAliveTimeoutSeconds: 142
  maxConnections: 143
  maxConnectionsPerAddress: 144
  maxInFlightPerDevice: 145
  maxMemoryBytes: 146
  maxRequestsPerConnection: 147
  heldPollMarginSeconds: 148
`;

/** The required fields, and each optional section with only its required fields: the defaults to differ from. */
const BARE = `
listen:
  proxyProtocolFrom: []
  tls:
    certificates: [{ certificate: listen.pem, key: listen.key }]
    clientCertificate: { ca: ca.pem }
autodiscover: {}
publicUrl: https://other.example.com/
passThrough: { paths: [{ path: /owa }] }
upstream:
  url: https://one.internal
  servers: [{ url: "https://one.internal" }]
  health: {}
`;

/** Sections that the data plane receives, as paths of single values; lists count as one value. */
function leaves(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return new Map([[path, JSON.stringify(value)]]);
  const found = new Map<string, string>();
  for (const [name, field] of Object.entries(value))
    for (const [below, text] of leaves(field, path === '' ? name : `${path}.${name}`)) found.set(below, text);
  return found;
}

const TOLD =
  /^(listen|publicUrl|publicHosts|quarantine|autodiscover|passThrough|upstream|outage|cache|identity|throttle|limits)\b/;
/** Fields that are required, or that are an alternative to another field. */
const FREE = [
  'listen.tls.certificates',
  'listen.tls.clientCertificate.ca',
  'upstream.url',
  // The only other value has its own test.
  'quarantine.answer',
];

describe('a file with every field away from its default', () => {
  it('contains every field', () => {
    const full = leaves(parse(FULL));
    const same = [...leaves(parse(BARE))].filter(
      ([path, text]) => TOLD.test(path) && !FREE.includes(path) && full.get(path) === text,
    );
    expect(same).toEqual([]);
    const documented = configurationTable()
      .split('\n')
      .filter((row) => row.startsWith('| `') && !row.includes('fields below') && !row.includes('[]'))
      .map((row) => row.split('`')[1] ?? '');
    const missing = documented.filter((path) => TOLD.test(path) && !FREE.includes(path) && !full.has(path));
    expect(documented.length).toBeGreaterThan(100);
    expect(missing).toEqual([]);
  });

  const upstreamTls = () => ({
    ca: authority,
    serverName: 'mail.internal',
    certificate: upstreamPair.certificate,
    key: upstreamPair.key,
    minVersion: 'TLSv1.3',
    verify: false,
  });

  it('gives the data plane its listen addresses and options', () => {
    const { listen, publicUrl, retryAfterSeconds, throttle } = gatewaySettings(parse(FULL), null);
    expect(listen).toEqual({
      address: '127.0.0.9',
      port: 9443,
      fd: null,
      proxyProtocolFrom: ['10.1.0.0/16'],
      tls: {
        certificates: [listenPair],
        minVersion: 'TLSv1.3',
        ciphers: 'TLS_AES_256_GCM_SHA384',
        handshakeTimeoutMs: 1_500,
        maxHandshakesPerSecond: 101,
        ticketSecret: createHash('sha256').update('ticket-secret-of-more-than-32-characters').digest('hex'),
        ticketRotationMs: 102_000,
        clientCertificate: {
          ca: authority,
          required: true,
          user: 'commonName',
          forwardHeader: 'X-Client-User',
        },
      },
    });
    expect({ publicUrl, retryAfterSeconds, throttle }).toEqual({
      publicUrl: 'https://mail.example.com/Microsoft-Server-ActiveSync',
      retryAfterSeconds: 125,
      throttle: {
        burst: 132,
        perMinute: 133,
        repeats: 135,
        repeatsPerMinute: 136,
        pauseSeconds: 137,
        maxDevices: 134,
      },
    });
  });

  it('gives it the mail servers, each with the shared settings it does not set itself', () => {
    const common = {
      idleTimeoutMs: 110_000,
      maxIdleConnections: 114,
      idleConnectionMs: 115_000,
      sourceAddresses: ['192.0.2.9'],
      proxyProtocol: 2,
    };
    expect(gatewaySettings(parse(FULL), null).upstream).toEqual({
      path: '/eas',
      servers: [
        {
          ...common,
          name: 'first',
          host: 'one.internal',
          port: 443,
          tls: upstreamTls(),
          hostHeader: 'one.internal',
          weight: 2.5,
          connectTimeoutMs: 1_100,
          responseTimeoutMs: 1_200,
          maxConnections: 107,
        },
        {
          ...common,
          name: '192.0.2.1:8081',
          host: '192.0.2.1',
          port: 8081,
          tls: null,
          hostHeader: '192.0.2.1:8081',
          weight: 1,
          connectTimeoutMs: 108_000,
          responseTimeoutMs: 109_000,
          maxConnections: 111,
        },
      ],
      strategy: 'deviceHash',
      maxQueued: 112,
      queueTimeoutMs: 113_000,
      health: {
        method: 'GET',
        path: '/health',
        intervalMs: 116_000,
        timeoutMs: 117_000,
        rise: 118,
        fall: 119,
        maxStatus: 299,
      },
      ejectAfter: 120,
      ejectMs: 121_000,
      slowStartMs: 122_000,
      connectionAuth: 'strip',
      forwarded: true,
    });
  });

  it('gives it the limits of the client side, and how users and devices are identified', () => {
    const { client, identity } = gatewaySettings(parse(FULL), null);
    expect(client).toEqual({
      maxHeadBytes: 2048,
      maxHeaders: 20,
      maxTargetBytes: 1024,
      maxBodyBytes: 135,
      maxCommandBodyBytes: 136,
      headTimeoutMs: 137_000,
      bodyTimeoutMs: 138_000,
      minBodyRate: 139,
      minReadRate: 140,
      rateWindowMs: 141_000,
      keepAliveTimeoutMs: 142_000,
      maxConnections: 143,
      maxConnectionsPerAddress: 144,
      maxInFlightPerDevice: 145,
      maxMemoryBytes: 146,
      maxRequestsPerConnection: 147,
      heldPollMarginMs: 148_000,
    });
    const { names, ...naming } = identity;
    expect(names.same('example\\alice' as UserKey, 'alice@example.com' as UserKey)).toBe(true);
    expect(naming).toEqual({
      userClaim: 'rewrite',
      bearerClaim: 'email',
      trustedProxies: ['10.2.0.0/16', '2001:db8::1'],
      forwardedHeader: 'forwarded',
      publicHosts: ['mail.example.com'],
    });
  });

  it('configures the pass-through lane', () => {
    const { passThrough } = gatewaySettings(parse(FULL), null);
    const { ca, certificate, key } = upstreamTls();
    expect(passThrough).toEqual({
      server: expect.objectContaining({
        name: 'owa.internal:8444',
        host: 'owa.internal',
        port: 8444,
        weight: 1,
        tls: { minVersion: 'TLSv1.3', ca, certificate, key, serverName: 'mail.internal', verify: false },
        connectTimeoutMs: 108_000,
      }),
      hostHeader: 'upstream',
      paths: [
        { path: '/owa', match: 'prefix', upgrade: true },
        { path: '/EWS/Exchange.asmx', match: 'exact', upgrade: false },
      ],
      ownPaths: [
        '/eas',
        '/auto/discover.xml',
        '/autodiscover/autodiscover.xml',
        '/autodiscover/autodiscover.json',
      ],
      publicHosts: ['mail.example.com'],
      headLimits: expect.objectContaining({ maxHeadBytes: 2048, maxHeaders: 20, maxTargetBytes: 1024 }),
      maxBodyBytes: 106,
      headTimeoutMs: 137_000,
      keepAliveTimeoutMs: 142_000,
      responseTimeoutMs: 103_000,
      idleTimeoutMs: 104_000,
      maxConnections: 105,
      certificateHeader: 'x-client-user',
      trustedProxies: ['10.2.0.0/16', '2001:db8::1'].map(addressRange),
      forwardedHeader: 'forwarded',
      sendsForwarded: true,
    });
  });

  it('configures the features that answer phones locally', () => {
    const { autodiscover, quarantine } = gatewaySettings(parse(FULL), null);
    expect(autodiscover).toEqual({
      mode: 'forward',
      path: '/auto/discover.xml',
      publicUrl: 'https://mail.example.com/Microsoft-Server-ActiveSync',
    });
    expect(quarantine?.provisioning).toBe('gateway');
    expect(quarantine?.keySecret).toEqual(
      createHash('sha256').update('easgate mailbox keys\0mailbox-secret-of-more-than-32-characters').digest(),
    );
    const silent = parse(FULL.replace('quarantine: {', 'quarantine: { answer: block,'));
    expect(gatewaySettings(silent, null).quarantine).toBeNull();
  });

  it('configures the verdict cache', () => {
    expect(cacheOptions(parse(FULL))).toEqual({
      maxEntries: 126,
      maxUnknownEntries: 127,
      lifetimeMs: 128_000,
      unknownLifetimeMs: 129_000,
      maxConcurrentLookups: 130,
      lookupTimeoutMs: 131,
      staleAllowedMs: 123_000,
      staleBlockedMs: 124_000,
    });
  });
});

describe('a file that leaves fields out', () => {
  it('has one mail server at url, with a verified certificate and without health checks', () => {
    const { upstream, passThrough, autodiscover } = gatewaySettings(
      parse('upstream: { url: "https://mail" }'),
      null,
    );
    expect(upstream.servers).toMatchObject([
      { name: 'mail', host: 'mail', port: 443, hostHeader: null, weight: 1, proxyProtocol: null },
    ]);
    expect(upstream.servers[0]?.tls).toEqual({
      ca: null,
      serverName: 'mail',
      certificate: null,
      key: null,
      minVersion: 'TLSv1.2',
      verify: true,
    });
    expect(upstream.health).toBeNull();
    expect({ passThrough, autodiscover }).toEqual({ passThrough: null, autodiscover: null });
  });

  it('sends other paths to the mail servers of the gateway, and checks health at the ActiveSync path', () => {
    const text = `
upstream: { servers: [{ url: "http://one:81" }, { url: "http://two" }], path: /eas, health: {} }
passThrough: { paths: [{ path: /owa }] }`;
    const { upstream, passThrough } = gatewaySettings(parse(text), null);
    expect(upstream.health?.path).toBe('/eas');
    expect(passThrough).toMatchObject({ server: null, hostHeader: 'preserve' });
  });

  it('uses the built-in mail server for `sample`, also among other servers', () => {
    const text = 'upstream: { servers: [{ url: sample }, { url: "http://two" }] }';
    const { servers } = gatewaySettings(parse(text), 'http://127.0.0.1:9999').upstream;
    expect(servers.map(({ port }) => port)).toEqual([9999, 80]);
  });
});

describe('policy.releaseRate', () => {
  it('is shared by the workers of the gateway', () => {
    const text =
      'upstream: { url: "https://mail.internal" }\nworkers: { count: 4 }\npolicy: { releaseRate: 100 }\n';
    expect(gatewaySettings(parseConfig(text, 'easgate.yaml'), null).releaseRate).toBe(25);
  });
});

describe('passThrough', () => {
  it.each([
    '/Microsoft-Server-ActiveSync',
    '/microsoft-server-activesync/',
    '/SOGo/Microsoft-Server-ActiveSync',
    '/Microsoft-Server-ActiveSync/default.eas',
    '/x/Default.eas',
    '/owa//x',
    '/owa/../Microsoft',
    '/owa/.',
  ])(
    'refuses the path %s: it is Exchange ActiveSync, or a server might take it for something else',
    (path) => {
      for (const match of ['exact', 'prefix']) {
        const text = `upstream: { url: "http://mail" }\npassThrough: { paths: [{ path: /ok }, { path: ${path}, match: ${match} }] }`;
        expect(() => gatewaySettings(parse(text), null)).toThrow(/^passThrough\.paths\.1/);
      }
    },
  );

  it('refuses a path below upstream.path, which is Exchange ActiveSync under another name', () => {
    const text =
      'upstream: { url: "http://mail", path: /eas }\npassThrough: { paths: [{ path: /ok }, { path: /EAS/x }] }';
    expect(() => gatewaySettings(parse(text), null)).toThrow(/^passThrough\.paths\.1/);
  });

  it('is refused without a mail server to send to', () => {
    const text = 'passThrough: { paths: [{ path: /owa }] }';
    expect(() => gatewaySettings(parse(text), 'http://127.0.0.1:1')).toThrow(/^passThrough\.url/);
  });
});

describe('autodiscover', () => {
  it('is refused without publicUrl', () => {
    expect(() => gatewaySettings(parse('autodiscover: {}'), null)).toThrow(/^publicUrl/);
  });
});
