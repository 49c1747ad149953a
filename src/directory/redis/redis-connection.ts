// Owns connections to Redis that fail fast, and waiting until one is ready.
import { Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { codeOf } from '../../caught-error.ts';
import { askedAgainWhileSlow } from '../background-timeout.ts';
import { connectCluster } from './redis-cluster.ts';
import type { RedisAddress, RedisClient } from './redis-cluster.ts';
import type { RawConnection } from './reply-stream.ts';
import { ON_CLUSTER, mayPass, redisTrouble, speaksPlainRedis } from './redis-trouble.ts';

/** How Sentinel is asked for the primary. */
export interface SentinelOptions {
  readonly nodes: readonly RedisAddress[];
  /** What Sentinel calls the primary. */
  readonly name: string;
  readonly username?: string;
  readonly password?: string;
}

/** Certificates in PEM. */
export interface RedisTls {
  /** Who may have signed the server's certificate; absent = the authorities that Node.js trusts. */
  readonly ca?: string;
  /** Of the client, with its key. */
  readonly cert?: string;
  readonly key?: string;
}

/** How to reach Redis. */
export interface RedisStoreOptions {
  /** With Sentinel, scheme, user, password and database of the servers; the host does not matter. */
  readonly url: string;
  readonly keyPrefix: string;
  /** Longest wait for one command, milliseconds. */
  readonly commandTimeoutMs: number;
  /** Absent = `url` is the server, or `cluster` has its nodes. */
  readonly sentinel?: SentinelOptions;
  /** Some nodes of a Redis Cluster, which name the others; of `url`, scheme, user and password count. */
  readonly cluster?: readonly RedisAddress[];
  /** For `rediss:`. */
  readonly tls?: RedisTls;
}

/**
 * A connection without any data for this long counts as dead. Otherwise a host that vanished, or a load balancer that
 * dropped the connection, would be noticed only when TCP gives up, after a quarter of an hour. Longer than the longest
 * XREAD (redis-store.ts).
 */
const SILENCE_MS = 5_000;
/** Longest time for a connection, and for an answer of Sentinel. */
const CONNECT_MS = 2_000;
/** Longest wait for the server when a connection is closed, in milliseconds: one that hangs, or is gone, never closes its side. */
const CLOSE_MS = 200;

/**
 * Fails fast and bounded, unlike the defaults of ioredis: no offline queue, no resend, no retries; reconnects with
 * back-off and jitter.
 */
export function connect(options: RedisStoreOptions, commandTimeout: number | undefined): RedisClient {
  const common = {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: CLOSE_MS,
    keepAlive: 30_000,
    socketTimeout: Math.max(SILENCE_MS, commandTimeout ?? 0),
    connectionName: 'easgate',
    retryStrategy: pauseBefore,
    ...(commandTimeout === undefined ? {} : { commandTimeout }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  } satisfies RedisOptions;
  const client = clientOf(options, common);
  // Without a listener the library prints errors; the commands reject with them anyway.
  client.on('error', () => {
    // ioredis handles one error of a socket; TLS may report a second one, which would end the process.
    const socket: unknown = Reflect.get(client, 'stream');
    if (socket instanceof Socket && !socket.listeners('error').includes(ignore)) socket.on('error', ignore);
  });
  return client;
}

function clientOf(options: RedisStoreOptions, common: Omit<RedisOptions, 'replyMapping'>): RedisClient {
  const { url, sentinel, cluster, tls } = options;
  if (cluster !== undefined) {
    const { enableOfflineQueue: _queue, retryStrategy: _retry, ...ofNodes } = common;
    return connectCluster(cluster, { ...ofNodes, ...accountIn(url), ...tlsOf(url, tls) }, pauseBefore);
  }
  return sentinel === undefined
    ? new Redis(url, common)
    : new Redis({ ...common, ...behindSentinel(url, sentinel, tls) });
}

function accountIn(url: string): { readonly username?: string; readonly password?: string } {
  const { username, password } = new URL(url);
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  };
}

function tlsOf(url: string, certificates: RedisTls = {}): { readonly tls?: RedisTls } {
  return url.startsWith('rediss:') ? { tls: certificates } : {};
}

/** Milliseconds before an attempt to connect. */
export function pauseBefore(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) + Math.floor(Math.random() * 250);
}

/** The primary that Sentinel names; sentinel-watch.ts notices when it is another one. */
function behindSentinel(
  url: string,
  { nodes, name, username, password }: SentinelOptions,
  certificates: RedisTls = {},
) {
  const { protocol, pathname } = new URL(url);
  const tls =
    protocol === 'rediss:'
      ? { tls: certificates, sentinelTLS: certificates, enableTLSForSentinelMode: true }
      : {};
  return {
    sentinels: [...nodes],
    name,
    role: 'master' as const,
    sentinelRetryStrategy: pauseBefore,
    sentinelCommandTimeout: CONNECT_MS,
    ...accountIn(url),
    db: Number(pathname.slice(1)),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...tls,
  } satisfies RedisOptions;
}

/**
 * A connection to a single server that is ready, whose replies the caller reads. The library found the server (with Sentinel) and signed in.
 * Rejects as {@link ready} does.
 */
export async function connectRaw(options: RedisStoreOptions): Promise<RawConnection> {
  const client = connect(options, options.commandTimeoutMs);
  const end = (): void => client.disconnect();
  try {
    await ready(client, options);
    const socket: unknown = Reflect.get(client, 'stream');
    if (!(socket instanceof Socket)) throw new Error('Connection is closed.');
    socket.removeAllListeners('data');
    return { socket, end };
  } catch (error) {
    end();
    throw error;
  }
}

/** Address of the directory for messages, without the password. */
export function placeOf({ url, keyPrefix, sentinel, cluster }: RedisStoreOptions): string {
  if (cluster !== undefined) {
    const nodes = cluster.map(({ host, port }) => `${host}:${port}`).join(', ');
    return `Redis Cluster ${nodes} (prefix ${keyPrefix})`;
  }
  if (sentinel !== undefined) return `Redis ${sentinel.name} behind Sentinel (prefix ${keyPrefix})`;
  const { host, pathname } = URL.canParse(url) ? new URL(url) : { host: 'redis', pathname: '' };
  return `Redis ${host}${pathname} (prefix ${keyPrefix})`;
}

function ignore(): void {
  // Ignored: the first error of the socket was reported.
}

/** Longest wait for a store that may become available. */
const READY_MS = 5_000;
/** After a handshake of this length, check whether the other side uses TLS at all. */
const PLAIN_CHECK_MS = 300;

/** Rejects with the reason as soon as it is known, or when the connection is not ready within a few seconds. */
export function ready(client: RedisClient, options: RedisStoreOptions): Promise<void> {
  const { url, sentinel, cluster } = options;
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    let last: unknown = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
    const finish = (error: unknown): void => {
      for (const timer of [deadline, plainCheck]) clearTimeout(timer);
      client.off('ready', onReady);
      client.off('error', onError);
      if (error === null) resolve();
      else reject(troubleOf(error, options));
    };
    const onReady = (): void => finish(null);
    const onError = (error: Error): void => {
      // Of a Cluster, the reason why its last node could not be used.
      const cause: unknown = Reflect.get(error, 'lastNodeError');
      last = cause instanceof Error ? cause : error;
      if (!mayPass(last)) finish(last);
    };
    const deadline = setTimeout(() => finish(last), READY_MS);
    const plainCheck = setTimeout(() => {
      if (!url.startsWith('rediss:') || sentinel !== undefined || cluster !== undefined) return;
      void speaksPlainRedis(url, READY_MS).then((plain) => {
        if (plain && client.status !== 'ready') finish(Object.assign(new Error('no TLS'), { code: 'PLAIN' }));
      });
    }, PLAIN_CHECK_MS);
    client.once('ready', onReady);
    client.on('error', onError);
  });
}

/**
 * Runs the first command of a connection that is ready, again while Redis only takes too long (background-timeout.ts). Rejects as {@link ready};
 * what easgate itself found wrong stays as it is.
 */
export function begun(command: () => Promise<void>, options: RedisStoreOptions): Promise<void> {
  return explained(askedAgainWhileSlow(command), options);
}

/** Rejects as {@link ready}, where `work` does; what easgate itself found wrong stays as it is. */
export async function explained<Answer>(work: Promise<Answer>, options: RedisStoreOptions): Promise<Answer> {
  try {
    return await work;
  } catch (error) {
    throw codeOf(error, '').startsWith('EASGATE_') ? error : troubleOf(error, options);
  }
}

/** The reason why Redis cannot be used, in words. */
export function troubleOf(error: unknown, { url, sentinel, cluster }: RedisStoreOptions): Error {
  return redisTrouble(error, url, cluster === undefined ? sentinel?.name : ON_CLUSTER);
}
