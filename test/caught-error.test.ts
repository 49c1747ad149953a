// Owns the promises of what a caught error says.
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { messageOf } from '../src/caught-error.ts';
import { checkLeaks } from './support/checks/leaks.ts';
import { startRedis } from './support/servers/redis.ts';

checkLeaks();

describe('an error of a lost connection to Redis', () => {
  it('names no options of the library: neither with a command under way, nor while there is no connection', async () => {
    const server = await startRedis();
    onTestFinished(() => server.kill());
    const client = new Redis(server.url, {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 3_600_000,
    });
    client.on('error', () => undefined);
    onTestFinished(() => client.disconnect());
    await once(client, 'ready');
    const waiting = client.blpop('nothing', 0).then(String, messageOf);
    await server.kill();
    const later = await client.get('key').then(String, messageOf);
    expect([await waiting, later]).toEqual([
      'the connection to Redis is lost',
      'the connection to Redis is lost',
    ]);
  });

  it('leaves the message of any other error as it is', () => {
    expect([messageOf(new Error('NOREPLICAS')), messageOf('text')]).toEqual(['NOREPLICAS', 'text']);
  });
});
