// Owns connections to Redis that fail fast, and waiting until one is ready.
import { Redis } from 'ioredis';

/** How to reach Redis. */
export interface RedisStoreOptions {
  readonly url: string;
  readonly keyPrefix: string;
  /** Longest wait for one command, milliseconds. */
  readonly commandTimeoutMs: number;
}

/**
 * A connection on which nothing comes back so long is dead: a host that is gone without a word, or a balancer that forgot it,
 * would else be waited for until TCP gives up, a quarter of an hour. Above the longest XREAD (redis-store.ts).
 */
const SILENCE_MS = 5_000;

/**
 * A gate must fail fast and in bounds (ioredis defaults queue without end): no offline queue, no resend, no retries,
 * reconnects with back-off and jitter.
 */
export function connect(options: RedisStoreOptions, commandTimeout: number | undefined): Redis {
  const client = new Redis(options.url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    keepAlive: 30_000,
    socketTimeout: Math.max(SILENCE_MS, commandTimeout ?? 0),
    connectionName: 'easgate',
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000) + Math.floor(Math.random() * 250),
    ...(commandTimeout === undefined ? {} : { commandTimeout }),
  });
  // Without a listener errors are printed by the library; each command's rejection carries them already.
  client.on('error', () => undefined);
  return client;
}

/** Where the directory is, for messages: never with the password. */
export function placeOf({ url, keyPrefix }: RedisStoreOptions): string {
  const { host, pathname } = URL.canParse(url) ? new URL(url) : { host: 'redis', pathname: '' };
  return `Redis ${host}${pathname} (prefix ${keyPrefix})`;
}

/** Rejects when the connection is not ready within a few seconds. */
export function ready(client: Redis): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Redis did not become ready')), 5_000);
    client.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
