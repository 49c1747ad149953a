// Owns noticing that Sentinel made another server the primary. A gateway that is cut off together with the former primary would
// still read from it and write to it: both are lost when the former primary is found again.
import { Redis } from 'ioredis';
import { pauseBefore } from './redis-connection.ts';
import type { RedisStoreOptions, SentinelOptions } from './redis-connection.ts';

const SWITCHED = '+switch-master';

/** Listens to all Sentinels. */
export class SentinelWatch {
  private readonly clients: readonly Redis[];

  /** `onSwitch` is called when the primary is another server. */
  constructor(options: RedisStoreOptions, sentinel: SentinelOptions, onSwitch: () => void) {
    const { nodes, name, username, password } = sentinel;
    const isSecure = options.url.startsWith('rediss:');
    this.clients = nodes.map(({ host, port }) => {
      const client = new Redis({
        host,
        port,
        retryStrategy: pauseBefore,
        maxRetriesPerRequest: null,
        enableReadyCheck: false,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(isSecure ? { tls: options.tls ?? {} } : {}),
      });
      client.on('error', () => undefined);
      client.on('message', (channel, message) => {
        if (channel === SWITCHED && message.startsWith(`${name} `)) onSwitch();
      });
      // Repeated by the library after each reconnection; it rejects when the watch is closed.
      client.subscribe(SWITCHED).catch(() => undefined);
      return client;
    });
  }

  close(): void {
    for (const client of this.clients) client.disconnect();
  }
}

/**
 * Makes a connection ask Sentinel again. A connection that is not ready does so by itself, unless Sentinel has just named the former primary: if
 * that server hangs, the connection would wait for its first answer for seconds.
 */
export function followPrimary(client: Redis): void {
  if (client.status === 'ready' || client.status === 'connect') client.disconnect(true);
  else client.once('ready', () => client.disconnect(true));
}
