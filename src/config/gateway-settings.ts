// Owns the translation of the configuration into what the data plane and the directory are told.
import type { StoreOptions } from '../directory/open-store.ts';
import type { VerdictCacheOptions } from '../directory/verdict-cache.ts';
import type { GatewaySettings } from '../gateway/settings.ts';
import { readSecret } from './load.ts';
import type { Config } from './schema.ts';

/** Settings of the data plane; `upstreamUrl` is the mail server to use. */
export function gatewaySettings(config: Config, upstreamUrl: string): GatewaySettings {
  const { upstream, limits, identity } = config;
  const url = new URL(upstreamUrl);
  return {
    address: config.listen.address,
    port: config.listen.port,
    retryAfterSeconds: config.outage.retryAfterSeconds,
    upstream: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 80),
      path: upstream.path,
      hostHeader: upstream.hostHeader === 'upstream' ? url.host : null,
      connectTimeoutMs: upstream.connectTimeoutSeconds * 1_000,
      responseTimeoutMs: upstream.responseTimeoutSeconds * 1_000,
      idleTimeoutMs: upstream.idleTimeoutSeconds * 1_000,
      maxConnections: upstream.maxConnections,
      maxIdleConnections: upstream.maxIdleConnections,
      idleConnectionMs: upstream.idleConnectionSeconds * 1_000,
    },
    client: {
      maxHeadBytes: limits.maxHeadBytes,
      maxHeaders: limits.maxHeaders,
      maxTargetBytes: limits.maxTargetBytes,
      maxBodyBytes: limits.maxBodyBytes,
      headTimeoutMs: limits.headTimeoutSeconds * 1_000,
      bodyTimeoutMs: limits.bodyTimeoutSeconds * 1_000,
      keepAliveTimeoutMs: limits.keepAliveTimeoutSeconds * 1_000,
      maxConnections: limits.maxConnections,
      maxRequestsPerConnection: limits.maxRequestsPerConnection,
      heldPollMarginMs: limits.heldPollMarginSeconds * 1_000,
    },
    identity: { ...identity, publicHosts: config.publicHosts },
  };
}

/** How to open the directory. @throws ConfigError when a secret is missing */
export function storeOptions(config: Config): StoreOptions {
  const { store } = config;
  if (store.kind === 'embedded') return store;
  return { ...store, url: readSecret(store.url, 'store.url') };
}

/** Bounds and lifetimes of the verdict cache. */
export function cacheOptions(config: Config): Omit<VerdictCacheOptions, 'onLookupError'> {
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
