// Owns the promises of the journal in Redis: the contract on a real server, and what an outage does.
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startRedis, useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { KEEP_ALL, change, event } from './entries.ts';
import { allOf, journalContract } from './store-contract.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

const open = (
  retention = KEEP_ALL as ConstructorParameters<typeof RedisJournal>[1],
  commandTimeoutMs = 30_000,
) => new RedisJournal({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs }, retention);

/** Appends as soon as the connection stands. */
async function ready(store: RedisJournal): Promise<RedisJournal> {
  await store.end('journal');
  return store;
}

describe('the journal in Redis', () => {
  journalContract({
    open: (retention = KEEP_ALL) => {
      const store = open(retention);
      const append = store.append.bind(store);
      store.append = async (entries) => {
        await ready(store);
        await append(entries);
      };
      return store;
    },
    reset: async () => {
      await client.del('easgate:journal', 'easgate:audit');
    },
    writeText: async (stream, text) => {
      await client.xadd(`easgate:${stream}`, '*', 'e', text);
    },
    byTime: false,
    // Redis removes whole nodes of a stream: stream-node-max-entries, 100 by default.
    slack: 100,
  });

  it('entries that are too old go as new ones come', async () => {
    await client.del('easgate:journal');
    await client.xadd('easgate:journal', '1000-1', 'e', '[1000,"outage"]');
    for (let index = 0; index < 200; index++)
      await client.xadd('easgate:journal', `1001-${index + 1}`, 'e', '[1001,"outage"]');
    const store = await ready(open({ ...KEEP_ALL, journal: { maxAgeMs: 60_000, maxEntries: 1_000_000 } }));
    await store.append([event({ at: 5 })]);
    expect(await client.xlen('easgate:journal')).toBeLessThan(110);
    await store.close();
  });

  it('an append while Redis is away fails at once; when it is back the next one works', async () => {
    const server = await startRedis();
    const store = new RedisJournal(
      { url: server.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
      KEEP_ALL,
    );
    await ready(store);
    await server.crash();
    await expect(store.append([event()])).rejects.toThrow();
    await server.restart();
    const append = (): Promise<boolean> =>
      store.append([event({ at: 7 })]).then(
        () => true,
        () => false,
      );
    await until(append, 'Redis to be used again');
    expect((await allOf(store, 'journal')).map(({ at }) => at)).toContain(7);
    await store.close();
    await server.kill();
  });

  it('an append while Redis hangs fails within the time-out of commands', async () => {
    const server = await startRedis();
    const store = new RedisJournal(
      { url: server.url, keyPrefix: 'easgate:', commandTimeoutMs: 200 },
      KEEP_ALL,
    );
    const isReady = (): Promise<boolean> =>
      ready(store).then(
        () => true,
        () => false,
      );
    await until(isReady, 'an answer within the time-out');
    server.freeze();
    await expect(store.appendAudit(change())).rejects.toThrow();
    server.thaw();
    await store.close();
    await server.kill();
  });
});
