// Owns noticing that Sentinel made another server the primary. A gateway that is cut off together with the former primary would
// still read from it and write to it: both are lost when the former primary is found again.
import { Socket } from 'node:net';
import { Redis } from 'ioredis';
import { leadsTo } from './redis-cluster.ts';
import type { RedisAddress } from './redis-cluster.ts';
import { pauseBefore } from './redis-connection.ts';
import type { RedisStoreOptions, SentinelOptions } from './redis-connection.ts';

const SWITCHED = '+switch-master';

/** Listens to all Sentinels. */
export class SentinelWatch {
  private readonly clients: readonly Redis[];

  /** `onSwitch` is called when a Sentinel announces that another server is the primary: each Sentinel announces it. */
  constructor(
    options: RedisStoreOptions,
    sentinel: SentinelOptions,
    onSwitch: (primary: RedisAddress) => void,
  ) {
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
        if (channel !== SWITCHED || !message.startsWith(`${name} `)) return;
        // The former address, then the new one (redis.io, Sentinel: Pub/Sub messages).
        const [host = '', port] = message
          .slice(name.length + 1)
          .split(' ')
          .slice(2);
        onSwitch({ host, port: Number(port) });
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
 * Makes a connection ask Sentinel again, unless it leads to `primary`: the Sentinel that led a failover announces it a second or more after the
 * others, and a connection that is made anew answers nothing for a moment. A connection that is not ready asks by itself, unless Sentinel has just named
 * the former primary: if that server hangs, the connection would wait for its first answer for seconds.
 */
export function followPrimary(client: Redis, primary: RedisAddress): void {
  if (client.status === 'ready' || client.status === 'connect') leaveUnlessAt(client, primary);
  else client.once('ready', () => leaveUnlessAt(client, primary));
}

function leaveUnlessAt(client: Redis, primary: RedisAddress): void {
  const socket: unknown = Reflect.get(client, 'stream');
  if (!(socket instanceof Socket && leadsTo(socket, primary))) client.disconnect(true);
}
