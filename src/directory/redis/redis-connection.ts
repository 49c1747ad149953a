// Owns connections to Redis that fail fast, and waiting until one is ready.
import { Socket } from 'node:net';
import { Redis } from 'ioredis';
import { mayPass, redisTrouble, speaksPlainRedis } from './redis-trouble.ts';

/** How to reach Redis. */
export interface RedisStoreOptions {
  readonly url: string;
  readonly keyPrefix: string;
  /** Longest wait for one command, milliseconds. */
  readonly commandTimeoutMs: number;
}

/**
 * A connection without any data for this long counts as dead. Otherwise a host that vanished, or a load balancer that
 * dropped the connection, would be noticed only when TCP gives up, after a quarter of an hour. Longer than the longest
 * XREAD (redis-store.ts).
 */
const SILENCE_MS = 5_000;

/**
 * Fails fast and bounded, unlike the defaults of ioredis: no offline queue, no resend, no retries; reconnects with
 * back-off and jitter.
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
  // Without a listener the library prints errors; the commands reject with them anyway.
  client.on('error', () => {
    // ioredis handles one error of a socket; TLS may report a second one, which would end the process.
    const socket: unknown = Reflect.get(client, 'stream');
    if (socket instanceof Socket && !socket.listeners('error').includes(ignore)) socket.on('error', ignore);
  });
  return client;
}

/** Address of the directory for messages, without the password. */
export function placeOf({ url, keyPrefix }: RedisStoreOptions): string {
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
export function ready(client: Redis, url: string): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    let last: unknown = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
    const finish = (error: unknown): void => {
      for (const timer of [deadline, plainCheck]) clearTimeout(timer);
      client.off('ready', onReady);
      client.off('error', onError);
      if (error === null) resolve();
      else reject(redisTrouble(error, url));
    };
    const onReady = (): void => finish(null);
    const onError = (error: Error): void => {
      last = error;
      if (!mayPass(error)) finish(error);
    };
    const deadline = setTimeout(() => finish(last), READY_MS);
    const plainCheck = setTimeout(() => {
      if (!url.startsWith('rediss:')) return;
      void speaksPlainRedis(url, READY_MS).then((plain) => {
        if (plain && client.status !== 'ready') finish(Object.assign(new Error('no TLS'), { code: 'PLAIN' }));
      });
    }, PLAIN_CHECK_MS);
    client.once('ready', onReady);
    client.on('error', onError);
  });
}
