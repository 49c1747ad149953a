// Owns the translation of the configuration into settings of the data plane and the directory.
import { X509Certificate, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { VerdictCacheOptions } from '../directory/verdict-cache.ts';
import { matchPath } from '../gateway/pass-through/paths.ts';
import type { PassThroughSettings } from '../gateway/pass-through/settings.ts';
import { parseRange } from '../identity/client-address.ts';
import { UserNames } from '../identity/user-names.ts';
import type { GatewaySettings } from '../gateway/gateway-settings.ts';
import type {
  CertificateSettings,
  DiscoverySettings,
  HealthSettings,
  ListenerTlsSettings,
  QuarantineSettings,
  UpstreamServerSettings,
  UpstreamTlsSettings,
} from '../gateway/settings.ts';
import { TlsTerminator } from '../gateway/listener/tls-terminator.ts';
import { serverTls } from '../gateway/upstream/server-tls.ts';
import { fileTrouble } from './file-words.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import { noticeSettings } from './notice-settings.ts';
import type { Config, Secret } from './schema.ts';
import { workerCount } from './worker-count.ts';

/**
 * Settings of the data plane. `sampleUrl`: address of the built-in mail server; `sharedSecret`: the secret that all
 * gateways of one directory share. @throws ConfigError
 */
export function gatewaySettings(
  config: Config,
  sampleUrl: string | null,
  sharedSecret = randomBytes(32).toString('hex'),
): GatewaySettings {
  const { upstream, limits, identity, throttle } = config;
  const { domains, ...naming } = identity;
  return {
    listen: {
      address: config.listen.address,
      port: config.listen.port,
      fd: null,
      tls: listenerTls(config, sharedSecret),
      proxyProtocolFrom: config.listen.proxyProtocolFrom ?? null,
    },
    publicUrl: config.publicUrl ?? null,
    quarantine: quarantineSettings(config, sharedSecret),
    autodiscover: autodiscoverSettings(config),
    passThrough: passThroughSettings(config),
    retryAfterSeconds: config.outage.retryAfterSeconds,
    releaseRate: config.policy.releaseRate / workerCount(config),
    throttle,
    upstream: {
      path: upstream.path,
      servers: allServers(config, sampleUrl),
      strategy: upstream.strategy,
      maxQueued: upstream.maxQueued,
      queueTimeoutMs: upstream.queueTimeoutSeconds * 1_000,
      health: healthSettings(upstream),
      ejectAfter: upstream.ejectAfter,
      ejectMs: upstream.ejectSeconds * 1_000,
      slowStartMs: upstream.slowStartSeconds * 1_000,
      connectionAuth: upstream.connectionAuth,
      forwarded: upstream.forwarded,
    },
    client: {
      maxHeadBytes: limits.maxHeadBytes,
      maxHeaders: limits.maxHeaders,
      maxTargetBytes: limits.maxTargetBytes,
      maxBodyBytes: limits.maxBodyBytes,
      maxCommandBodyBytes: limits.maxCommandBodyBytes,
      headTimeoutMs: limits.headTimeoutSeconds * 1_000,
      bodyTimeoutMs: limits.bodyTimeoutSeconds * 1_000,
      minBodyRate: limits.minBodyRate,
      minReadRate: limits.minReadRate,
      rateWindowMs: limits.rateWindowSeconds * 1_000,
      keepAliveTimeoutMs: limits.keepAliveTimeoutSeconds * 1_000,
      maxConnections: limits.maxConnections,
      maxConnectionsPerAddress: limits.maxConnectionsPerAddress,
      maxRequestsPerConnection: limits.maxRequestsPerConnection,
      maxInFlightPerDevice: limits.maxInFlightPerDevice,
      heldPollMarginMs: limits.heldPollMarginSeconds * 1_000,
      maxMemoryBytes: limits.maxMemoryBytes,
    },
    identity: { ...naming, names: new UserNames(domains), publicHosts: config.publicHosts },
  };
}

type ServerConfig = Config['upstream']['servers'][number];

function serversOf(config: Config): readonly ServerConfig[] {
  const { servers, url } = config.upstream;
  return servers.length > 0 ? servers : [{ url, weight: 1 }];
}

/** Every mail server; `sampleUrl` is the address of the built-in one. @throws ConfigError */
export function allServers(config: Config, sampleUrl: string | null): readonly UpstreamServerSettings[] {
  const servers = serversOf(config).map((server) => serverSettings(config, server, sampleUrl));
  checkSources(config.upstream.sourceAddresses, servers);
  return servers;
}

function serverSettings(
  config: Config,
  server: ServerConfig,
  sampleUrl: string | null,
): UpstreamServerSettings {
  const { upstream } = config;
  const url = new URL(server.url === 'sample' ? (sampleUrl ?? 'http://127.0.0.1') : server.url);
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    name: server.name ?? url.host,
    host,
    port: Number(url.port || (secure ? 443 : 80)),
    tls: secure ? upstreamTls(upstream.tls, host) : null,
    hostHeader: upstream.hostHeader === 'upstream' ? url.host : null,
    weight: server.weight,
    connectTimeoutMs: (server.connectTimeoutSeconds ?? upstream.connectTimeoutSeconds) * 1_000,
    responseTimeoutMs: (server.responseTimeoutSeconds ?? upstream.responseTimeoutSeconds) * 1_000,
    idleTimeoutMs: upstream.idleTimeoutSeconds * 1_000,
    maxConnections: server.maxConnections ?? upstream.maxConnections,
    maxIdleConnections: upstream.maxIdleConnections,
    idleConnectionMs: upstream.idleConnectionSeconds * 1_000,
    sourceAddresses: sourcesFor(upstream.sourceAddresses, host),
    proxyProtocol: upstream.proxyProtocol ?? null,
  };
}

/**
 * The local addresses of the server's address family; all of them when the configuration names the server by host name.
 */
function sourcesFor(addresses: readonly string[], host: string): readonly string[] {
  const family = isIP(host);
  if (family === 0 || addresses.length === 0) return addresses;
  const fitting = addresses.filter((address) => isIP(address) === family);
  if (fitting.length === 0)
    throw new ConfigError('upstream.sourceAddresses', [
      `none of them is an IPv${family} address, as the mail server ${host} is`,
    ]);
  return fitting;
}

/** Checks that every local address can reach some server. @throws ConfigError */
function checkSources(addresses: readonly string[], servers: readonly UpstreamServerSettings[]): void {
  const idle = addresses.filter((address) =>
    servers.every((server) => !server.sourceAddresses.includes(address)),
  );
  if (idle.length > 0)
    throw new ConfigError('upstream.sourceAddresses', [
      `${idle.join(', ')}: no mail server has an address of this family`,
    ]);
}

function upstreamTls(tls: Config['upstream']['tls'], host: string): UpstreamTlsSettings {
  if ((tls.certificate === undefined) !== (tls.key === undefined))
    throw new ConfigError('upstream.tls', ['certificate and key are of use together only']);
  const settings: UpstreamTlsSettings = {
    ca: tls.ca === undefined ? null : readAuthorities(tls.ca, 'upstream.tls.ca'),
    serverName: tls.serverName ?? host,
    certificate: tls.certificate === undefined ? null : readPem(tls.certificate, 'upstream.tls.certificate'),
    key: tls.key === undefined ? null : readPem(tls.key, 'upstream.tls.key'),
    minVersion: tls.minVersion,
    verify: !tls.insecureSkipVerify,
  };
  try {
    serverTls(settings);
  } catch (error) {
    throw new ConfigError('upstream.tls', [`ca, certificate and key cannot be used: ${messageOf(error)}`]);
  }
  return settings;
}

function quarantineSettings(config: Config, drawn: string): QuarantineSettings | null {
  const { answer, provisioning, keySecret } = config.quarantine;
  const notice = noticeSettings(config);
  if (answer === 'block') return null;
  const secret = keySecret === undefined ? drawn : readLongSecret(keySecret, 'quarantine.keySecret');
  return {
    keySecret: createHash('sha256').update(`easgate mailbox keys\0${secret}`).digest(),
    provisioning,
    notice,
  };
}

const MIN_SECRET = 32;

function autodiscoverSettings({ autodiscover, publicUrl }: Config): DiscoverySettings | null {
  if (autodiscover === undefined) return null;
  if (publicUrl === undefined)
    throw new ConfigError('publicUrl', ['is needed: it is what Autodiscover tells']);
  return { ...autodiscover, publicUrl };
}

function passThroughSettings(config: Config): PassThroughSettings | null {
  const { listen, passThrough, limits, identity, upstream } = config;
  if (passThrough === undefined) return null;
  passThrough.paths.forEach(({ path }, index) => {
    if (typeof matchPath(path, passThrough.paths) === 'string')
      throw new ConfigError(`passThrough.paths.${index}`, [
        'has more than one spelling, or is Exchange ActiveSync, which only goes through the gate',
      ]);
  });
  const own = passThrough.url === undefined ? null : { url: passThrough.url, weight: 1 };
  if (own === null && serversOf(config).some(({ url }) => url === 'sample'))
    throw new ConfigError('passThrough.url', ['is needed: the built-in mail server has no other paths']);
  return {
    server: own === null ? null : serverSettings(config, own, null),
    hostHeader: passThrough.hostHeader,
    paths: passThrough.paths,
    publicHosts: config.publicHosts,
    headLimits: limits,
    maxBodyBytes: passThrough.maxBodyBytes,
    headTimeoutMs: limits.headTimeoutSeconds * 1_000,
    keepAliveTimeoutMs: limits.keepAliveTimeoutSeconds * 1_000,
    responseTimeoutMs: passThrough.responseTimeoutSeconds * 1_000,
    idleTimeoutMs: passThrough.idleTimeoutSeconds * 1_000,
    maxConnections: passThrough.maxConnections,
    certificateHeader: listen.tls?.clientCertificate?.forwardHeader?.toLowerCase() ?? null,
    trustedProxies: identity.trustedProxies.map(parseRange),
    forwardedHeader: identity.forwardedHeader,
    sendsForwarded: upstream.forwarded,
  };
}

function healthSettings({ health, path }: Config['upstream']): HealthSettings | null {
  if (health === undefined) return null;
  return {
    method: health.method,
    path: health.path ?? path,
    intervalMs: health.intervalSeconds * 1_000,
    timeoutMs: health.timeoutSeconds * 1_000,
    rise: health.rise,
    fall: health.fall,
    maxStatus: health.maxStatus,
  };
}

/** TLS towards phones; null = none. @throws ConfigError */
export function listenerTls(config: Config, sharedSecret: string): ListenerTlsSettings | null {
  const { tls } = config.listen;
  if (tls === undefined) return null;
  const { clientCertificate, ticketSecret } = tls;
  const settings: ListenerTlsSettings = {
    certificates: readCertificates(config),
    minVersion: tls.minVersion,
    ciphers: tls.ciphers,
    handshakeTimeoutMs: tls.handshakeTimeoutSeconds * 1_000,
    maxHandshakesPerSecond: tls.maxHandshakesPerSecond,
    ticketSecret: ticketKeyMaterial(ticketSecret, sharedSecret),
    ticketRotationMs: tls.ticketRotationSeconds * 1_000,
    clientCertificate:
      clientCertificate === undefined
        ? null
        : {
            ca: readAuthorities(clientCertificate.ca, 'listen.tls.clientCertificate.ca'),
            required: clientCertificate.required,
            user: clientCertificate.user,
            forwardHeader: clientCertificate.forwardHeader ?? null,
          },
  };
  try {
    // Also done by `serve`: only OpenSSL can check ciphers and authorities.
    void new TlsTerminator(settings);
  } catch (error) {
    throw new ConfigError('listen.tls', [`cannot be used: ${messageOf(error)}`]);
  }
  return settings;
}

/** A certificate in PEM (RFC 7468 5.1). */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads a file of authorities. It must hold certificates: OpenSSL ignores other text, and would then trust no
 * certificate. @throws ConfigError
 */
export function readAuthorities(path: string, name: string): string {
  const text = readPem(path, name);
  const found = text.match(CERTIFICATE) ?? [];
  const begun = text.split('-----BEGIN ').length - 1;
  if (found.length === 0 || found.length !== begun)
    throw new ConfigError(name, [`needs certificates in PEM, and nothing else: ${path}`]);
  for (const [index, certificate] of found.entries()) {
    try {
      void new X509Certificate(certificate);
    } catch (error) {
      throw new ConfigError(name, [`certificate ${index + 1} cannot be read: ${messageOf(error)}`]);
    }
  }
  return text;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Key material of 32 bytes in hex, equal on all workers and nodes, so that tickets survive a restart. Derived from the
 * operator's secret, or from the directory's secret under a separate label. @throws ConfigError
 */
export function ticketKeyMaterial(own: Secret | undefined, sharedSecret: string): string {
  if (own === undefined)
    return Buffer.from(hkdfSync('sha256', sharedSecret, '', 'easgate session tickets', 32)).toString('hex');
  const secret = readLongSecret(own, 'listen.tls.ticketSecret');
  return createHash('sha256').update(secret).digest('hex');
}

/** Reads a secret of sufficient length. @throws ConfigError when it is missing or too short */
export function readLongSecret(secret: Secret, name: string): string {
  const text = readSecret(secret, name);
  if (text.length < MIN_SECRET) throw new ConfigError(name, [`needs at least ${MIN_SECRET} characters`]);
  return text;
}

/** Reads the certificates of the listener from disk. @throws ConfigError */
export function readCertificates(config: Config): CertificateSettings[] {
  return (config.listen.tls?.certificates ?? []).map(readCertificate);
}

/** Reads one certificate with its key. @throws ConfigError */
export function readCertificate(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  index: number,
): CertificateSettings {
  const place = `listen.tls.certificates.${index}`;
  const pem = {
    certificate: readPem(certificate, `${place}.certificate`),
    key: readPem(key, `${place}.key`),
  };
  try {
    createSecureContext({ cert: pem.certificate, key: pem.key });
  } catch (error) {
    throw new ConfigError(place, [`certificate and key cannot be used together: ${messageOf(error)}`]);
  }
  return pem;
}

/** Reads the authorities of client certificates from disk; null = none configured. @throws ConfigError */
export function readClientCa(config: Config): string | null {
  const { clientCertificate } = config.listen.tls ?? {};
  if (clientCertificate === undefined) return null;
  return readAuthorities(clientCertificate.ca, 'listen.tls.clientCertificate.ca');
}

/** The text of a PEM file; `name` is the field that names it. @throws ConfigError */
export function readPem(path: string, name: string): string {
  // Every message about a path repeats it.
  if (path.includes('-----BEGIN '))
    throw new ConfigError(name, ['is the text of a PEM file: write the path of the file']);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(name, [`cannot be read: ${fileTrouble(error, path)}`]);
  }
}

/** Bounds and lifetimes of the verdict cache. */
export function cacheOptions(config: Config): Omit<VerdictCacheOptions, 'onLookupError' | 'onStoreState'> {
  const { cache, outage } = config;
  return {
    maxEntries: cache.maxEntries,
    maxUnknownEntries: cache.maxUnknownEntries,
    lifetimeMs: cache.lifetimeSeconds * 1_000,
    unknownLifetimeMs: cache.unknownLifetimeSeconds * 1_000,
    maxConcurrentLookups: cache.maxConcurrentLookups,
    lookupTimeoutMs: cache.lookupTimeoutMs,
    staleAllowedMs: outage.allowedSeconds * 1_000,
    staleBlockedMs: outage.blockedSeconds * 1_000,
  };
}
