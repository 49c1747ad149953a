// Owns the Redis store's test runs: the contract on a real server, and what an outage does.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { startRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { alice, decision, phone, storeContract } from './store-contract.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.kill());

const open = (): Promise<DirectoryStore> =>
  RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 500 });
const fixture = {
  open,
  reset: async () => {
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
  },
};

describe('the Redis store', () => {
  storeContract(fixture);

  it('fails a look-up within the command time-out when Redis hangs', async () => {
    const store = await open();
    redis.freeze();
    const started = Date.now();
    await expect(store.lookup(alice, [phone])).rejects.toThrow();
    expect(Date.now() - started).toBeLessThan(2_000);
    redis.thaw();
    await store.close();
  });

  it('says so when changes were trimmed away', async () => {
    await fixture.reset();
    const store = await open();
    await store.decide(null, phone, decision('block'));
    const position = await store.position();
    for (let round = 0; round < 3; round++) await store.decide(null, phone, decision('allow'));
    const client = new Redis(redis.url);
    await client.xtrim('easgate:changes', 'MAXLEN', 1);
    client.disconnect();
    expect((await store.changesAfter(position)).trimmed).toBe(true);
    await store.close();
  });

  it('works again after Redis was restarted, and reports that everything may have changed', async () => {
    await fixture.reset();
    const store = await open();
    await store.decide(null, phone, decision('block'));
    const position = await store.position();
    await redis.kill();
    await expect(store.lookup(alice, [phone])).rejects.toThrow();
    await redis.restart();
    let trimmed = false;
    const poll = async (): Promise<void> => {
      trimmed = await store.changesAfter(position).then(
        (batch) => batch.trimmed,
        () => false,
      );
    };
    const end = Date.now() + 10_000;
    while (!trimmed && Date.now() < end) {
      await poll();
      const tried = Date.now();
      await until(() => Date.now() - tried > 50);
    }
    expect(trimmed).toBe(true);
    expect((await store.lookup(alice, [phone])).deviceDecision).toBeNull();
    await store.close();
  });
});
