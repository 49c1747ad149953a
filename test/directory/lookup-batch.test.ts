// Owns the promises of look-ups that are sent to Redis in one batch: each gets its own answer, and few calls are made.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { BY_TEST, alice, decision, deviceReport, phone } from '../support/servers/directory-records.ts';

checkLeaksAtEnd();

const keys = new RedisKeys('easgate:');

let redis: TestRedis;
let client: Redis;
let store: RedisStore;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
  store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
});
beforeEach(() => redis.clear());
afterAll(async () => {
  await store.close();
  client.disconnect();
  await redis.kill();
});

const device = (index: number): DeviceKey => `phone${index}` as DeviceKey;
const user = (index: number): UserKey => `user${index}` as UserKey;

/** How often Redis was asked to run a script since the last reset. */
async function scriptCalls(): Promise<number> {
  const calls = [...(await client.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=([0-9]+)/g)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}

describe('look-ups of one turn', () => {
  it('each get their own answer, whatever the number of decisions', async () => {
    const namesake = (index: number, at: number): UserKey => `domain${at}\\user${index}` as UserKey;
    for (let index = 0; index < 50; index++) {
      await store.putDevices([deviceReport(device(index), { model: `model ${index}` })]);
      if (index % 3 === 1)
        await store.decide({ device: device(index), user: user(index) }, decision('quarantine'), BY_TEST);
      for (let at = 0; at < index % 4; at++)
        await store.decide({ device: device(index), user: namesake(index, at) }, decision('block'), BY_TEST);
    }
    const found = await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.lookup(user(index), device(index))),
    );
    for (const [index, { user: name, device: record, ...rest }] of found.entries()) {
      expect([name, record?.model]).toEqual([user(index), `model ${index}`]);
      expect(rest.partnershipDecision?.action).toBe(index % 3 === 1 ? 'quarantine' : undefined);
      const names = Array.from({ length: index % 4 }, (_, at) => namesake(index, at));
      expect(rest.namesakeDecisions.map((named) => named.user).sort()).toEqual(names);
    }
  });

  it('are sent in few calls', async () => {
    await store.lookup(alice, phone);
    await client.config('RESETSTAT');
    await Promise.all(Array.from({ length: 64 }, (_, index) => store.lookup(user(index), device(index))));
    expect(await scriptCalls()).toBe(4);
  });

  it('name what is stored and no text, each for itself', async () => {
    await client.set(keys.device(device(1)), 'text');
    await client.lpush(keys.users(user(2)), 'someone');
    const [first, second, third, fourth] = await Promise.allSettled(
      [0, 1, 2, 3].map((index) => store.lookup(user(index), device(index))),
    );
    expect([first?.status, second?.status, third?.status, fourth?.status]).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    expect(
      [first, second, third, fourth].map((one) => one?.status === 'fulfilled' && one.value.unreadable),
    ).toEqual([undefined, ['device phone1'], ['user user2'], undefined]);
  });
});

it('a look-up is answered after Redis forgot its scripts', async () => {
  await store.decide({ device: phone, user: null }, decision('block'), BY_TEST);
  await client.script('FLUSH');
  expect((await store.lookup(alice, phone)).deviceDecision?.action).toBe('block');
});
