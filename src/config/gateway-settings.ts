// Owns the translation of the configuration into settings of the data plane and of the verdict cache.
import { createHash, randomBytes } from 'node:crypto';
import type { VerdictCacheOptions } from '../directory/verdict-cache.ts';
import { matchPath, ownPathsOf } from '../gateway/pass-through/paths.ts';
import type {
  AutodiscoverSettings,
  GatewaySettings,
  HealthSettings,
  PassThroughSettings,
  QuarantineSettings,
} from '../gateway/settings.ts';
import { UserNames } from '../identity/user-names.ts';
import { addressRange } from '../ip-address.ts';
import { listenerTls } from './listener-tls.ts';
import { readLongSecret } from './load.ts';
import { noticeSettings } from './notice-settings.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';
import { allServers, serverSettings, usesSample } from './upstream-servers.ts';
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

function autodiscoverSettings({ autodiscover, publicUrl }: Config): AutodiscoverSettings | null {
  if (autodiscover === undefined) return null;
  if (publicUrl === undefined)
    throw new ConfigError('publicUrl', ['is needed: it is what Autodiscover tells']);
  return { ...autodiscover, publicUrl };
}

function passThroughSettings(config: Config): PassThroughSettings | null {
  const { listen, passThrough, limits, identity, upstream, autodiscover } = config;
  if (passThrough === undefined) return null;
  const ownPaths = ownPathsOf(upstream.path, autodiscover?.path ?? null);
  passThrough.paths.forEach(({ path }, index) => {
    if (typeof matchPath(path, { paths: passThrough.paths, ownPaths }) === 'string')
      throw new ConfigError(`passThrough.paths.${index}`, [
        'has more than one spelling, or belongs to Exchange ActiveSync or Autodiscover (including upstream.path and autodiscover.path), which passThrough cannot open',
      ]);
  });
  const own = passThrough.url === undefined ? null : { url: passThrough.url, weight: 1 };
  if (own === null && usesSample(config))
    throw new ConfigError('passThrough.url', ['is needed: the built-in mail server has no other paths']);
  return {
    server: own === null ? null : serverSettings(config, own, null),
    hostHeader: passThrough.hostHeader,
    paths: passThrough.paths,
    ownPaths,
    publicHosts: config.publicHosts,
    headLimits: limits,
    maxBodyBytes: passThrough.maxBodyBytes,
    headTimeoutMs: limits.headTimeoutSeconds * 1_000,
    keepAliveTimeoutMs: limits.keepAliveTimeoutSeconds * 1_000,
    responseTimeoutMs: passThrough.responseTimeoutSeconds * 1_000,
    idleTimeoutMs: passThrough.idleTimeoutSeconds * 1_000,
    maxConnections: passThrough.maxConnections,
    certificateHeader: listen.tls?.clientCertificate?.forwardHeader?.toLowerCase() ?? null,
    trustedProxies: identity.trustedProxies.map(addressRange),
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
