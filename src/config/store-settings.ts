// Owns the settings that open the directory. Separate from the other settings, so that commands that only read the
// directory load no code of the gateway.
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { StoreOptions } from '../directory/open-store.ts';
import type { MemoryCopy } from '../directory/store-memory.ts';
import type { RedisAddress } from '../directory/redis/redis-cluster.ts';
import type { RedisTls, SentinelOptions } from '../directory/redis/redis-connection.ts';
import { fileTrouble } from '../file-words.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** The settings of the directory. @throws ConfigError when a secret is missing, or is not a Redis URL */
export function storeOptions(config: Config): StoreOptions {
  const { store } = config;
  const { identityFile: path } = store;
  const known = {
    memory:
      path === undefined ? null : { path, name: memoryName(store, path), copy: memoryCopy(config, path) },
    id: store.id ?? null,
    maxRollbackMs: store.maxRollbackSeconds * 1_000,
  };
  const { domains } = config.identity;
  const sources = config.feeds.map(({ name }) => name);
  if (store.kind === 'embedded') return { kind: store.kind, path: store.path, domains, known, sources };
  const { kind, keyPrefix, commandTimeoutMs } = store;
  const sentinel = sentinelOptions(store);
  const cluster = store.cluster?.map((text, index) => addressIn(text, `store.cluster.${index}`, 6379));
  const tls = tlsFiles(store);
  return {
    kind,
    url: redisUrl(store),
    keyPrefix,
    commandTimeoutMs,
    domains,
    known,
    sources,
    ...(sentinel !== null && { sentinel }),
    ...(cluster !== undefined && { cluster }),
    ...(tls !== null && { tls }),
  };
}

type RedisConfig = Extract<Config['store'], { kind: 'redis' }>;

/** Scheme, user, password, host and database; with Sentinel and on a Cluster the host does not matter. */
function redisUrl(store: RedisConfig): string {
  const { url: stored, sentinels, cluster, name, tls, username, password, database } = store;
  if ([stored, sentinels, cluster].filter((one) => one !== undefined).length !== 1)
    throw new ConfigError('store', [
      'needs one of url, sentinels with the name of the primary, and cluster with some of its nodes',
    ]);
  if (cluster !== undefined && (database ?? 0) !== 0)
    throw new ConfigError('store.database', ['must be 0: a Redis Cluster has no other database']);
  const text =
    stored === undefined
      ? `${tls === undefined ? 'redis' : 'rediss'}://${encodeURIComponent(name ?? 'cluster')}/0`
      : readSecret(stored, 'store.url');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? null;
  if (scheme !== 'redis' && scheme !== 'rediss')
    throw new ConfigError('store.url', [
      `must begin with redis:// or, for TLS, rediss://${scheme === null ? '' : `, not with ${scheme}://`}`,
    ]);
  if (tls !== undefined && scheme !== 'rediss')
    throw new ConfigError('store.tls', ['is of no use: store.url does not begin with rediss://']);
  if (username === undefined && password === undefined && database === undefined) return text;
  if (!URL.canParse(text)) throw new ConfigError('store.url', ['is no URL']);
  const url = new URL(text);
  if (username !== undefined) url.username = encodeURIComponent(username);
  if (password !== undefined) url.password = encodeURIComponent(readSecret(password, 'store.password'));
  if (database !== undefined) url.pathname = `/${database}`;
  return url.href;
}

function sentinelOptions(store: RedisConfig): SentinelOptions | null {
  const { sentinels, name, sentinelUsername, sentinelPassword } = store;
  if (sentinels === undefined) return null;
  if (name === undefined)
    throw new ConfigError('store.name', ['is missing: what Sentinel calls the primary']);
  const nodes = sentinels.map((text, index) => {
    return addressIn(text, `store.sentinels.${index}`, 26379);
  });
  return {
    nodes,
    name,
    ...(sentinelUsername !== undefined && { username: sentinelUsername }),
    ...(sentinelPassword !== undefined && {
      password: readSecret(sentinelPassword, 'store.sentinelPassword'),
    }),
  };
}

/** `usual`: the port in the example. */
function addressIn(text: string, path: string, usual: number): RedisAddress {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new ConfigError(path, [`must be host:port, such as redis1:${usual}`]);
  return { host, port: Number(port) };
}

function tlsFiles({ tls }: RedisConfig): RedisTls | null {
  if (tls === undefined) return null;
  const { ca, certificate, key } = tls;
  if ((certificate === undefined) !== (key === undefined))
    throw new ConfigError('store.tls', ['certificate and key are of use together only']);
  return {
    ...(ca !== undefined && { ca: readPem(ca, 'store.tls.ca') }),
    ...(certificate !== undefined && { cert: readPem(certificate, 'store.tls.certificate') }),
    ...(key !== undefined && { key: readPem(key, 'store.tls.key') }),
  };
}

function readPem(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(name, [fileTrouble(error, path)]);
  }
}

/** Where the identity of a SQLite file is recorded once more; null = nowhere. */
function memoryCopy({ store, workers }: Config, identityFile: string): MemoryCopy | null {
  if (store.kind === 'redis') return null;
  const path = store.identityCopy ?? join(dirname(workers.pidFile), 'store-copy.json');
  // Absolute: whoever mounts the file system elsewhere means another place.
  return path === identityFile ? null : { path, name: store.path, beside: dirname(store.path) };
}

/**
 * The store's name in the identity file. Redis may move to another address, so its name is constant; a SQLite file is
 * named relative to the identity file.
 */
function memoryName(store: Config['store'], identityFile: string): string {
  return store.kind === 'redis' ? `redis ${store.keyPrefix}` : relative(dirname(identityFile), store.path);
}
