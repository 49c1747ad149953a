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
  client.on('error', () => {
    // ioredis listens for one error of a socket; TLS may report a second one, which would end the process.
    const socket: unknown = Reflect.get(client, 'stream');
    if (socket instanceof Socket && !socket.listeners('error').includes(ignore)) socket.on('error', ignore);
  });
  return client;
}

/** Where the directory is, for messages: never with the password. */
export function placeOf({ url, keyPrefix }: RedisStoreOptions): string {
  const { host, pathname } = URL.canParse(url) ? new URL(url) : { host: 'redis', pathname: '' };
  return `Redis ${host}${pathname} (prefix ${keyPrefix})`;
}

function ignore(): void {
  // The first error of the socket was reported.
}

/** How long a store that may come by itself is waited for. */
const READY_MS = 5_000;
/** A handshake that takes longer is worth a look whether the other side speaks TLS at all. */
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
