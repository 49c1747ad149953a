// Owns the promise that every connection leaves a former primary at once when Sentinel has named another one: also that of the journal,
// and one that still waits for the first answer of a server that hangs.
import { connect as dial, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, ready } from '../../src/directory/redis/redis-connection.ts';
import { isCluster } from '../../src/directory/redis/redis-cluster.ts';
import { followPrimary } from '../../src/directory/redis/sentinel-watch.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import { KEEP_ALL, event } from '../journal/entries.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startRedis } from '../support/servers/redis.ts';
import { startSentinel } from '../support/servers/sentinel.ts';

checkLeaks();

describe('a connection that Sentinel sends to another primary', () => {
  it('does not wait for a former primary that never answered', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.kill());
    const sockets: Socket[] = [];
    // The first connection leads to a server that hangs, later ones to Redis.
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      if (sockets.length === 1) return;
      const there = dial(redis.port, '127.0.0.1').on('error', () => undefined);
      sockets.push(there);
      socket.pipe(there).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    // A silent connection would be given up after twice the time of this test.
    const client = connect(
      { url: `redis://127.0.0.1:${port}/0`, keyPrefix: '', commandTimeoutMs: 1_000 },
      600_000,
    );
    onTestFinished(() => client.disconnect());
    if (isCluster(client)) throw new Error('it is no Cluster');
    await until(() => client.status === 'connect', 'the connection to wait for an answer');
    followPrimary(client, { host: '127.0.0.1', port: redis.port });
    await until(() => client.status === 'ready', 'another connection');
  });

  it('stays where it leads to that server already: each Sentinel announces a failover, and one of them late', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.kill());
    const options = { url: redis.url, keyPrefix: '', commandTimeoutMs: 30_000 };
    const client = connect(options, options.commandTimeoutMs);
    onTestFinished(() => client.disconnect());
    if (isCluster(client)) throw new Error('it is no Cluster');
    const primary = { host: '127.0.0.1', port: redis.port };
    // Also when it is not ready yet.
    followPrimary(client, primary);
    await ready(client, options);
    const id = await client.client('ID');
    followPrimary(client, primary);
    expect(await client.client('ID')).toBe(id);
  });
});

describe('the journal', () => {
  it('is written to the new primary also while the former one, cut off from the others, still answers', async () => {
    const servers = await startSentinel();
    onTestFinished(() => servers.stop());
    const own = { username: 'gateway', password: 'secret' };
    for (const { url } of servers.servers) {
      const client = new Redis(url);
      await client.call('ACL', 'SETUSER', own.username, 'on', `>${own.password}`, '~*', '&*', '+@all');
      client.disconnect();
    }
    const journal = new RedisJournal(
      { ...servers.options, url: `redis://${own.username}:${own.password}@primary/0` },
      KEEP_ALL,
    );
    onTestFinished(() => journal.close());
    await journal.end('journal');
    const former = await servers.primary();
    const client = new Redis(former, own);
    onTestFinished(() => client.disconnect());
    // Sentinels and replicas use another account.
    await client.call('ACL', 'SETUSER', 'default', 'off');
    await client.call('CLIENT', 'KILL', 'USER', 'default');
    const next = new Redis(await servers.untilAnotherThan(former), own);
    onTestFinished(() => next.disconnect());
    await until(async () => {
      await journal.append([event({ at: 1 })]).catch(() => undefined);
      return (await next.xlen('easgate:journal')) > 0;
    }, 'an entry on the new primary');
    expect(await client.ping()).toBe('PONG');
  });
});
