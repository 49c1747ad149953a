// Owns the promises of comparisons of policies in several threads over Redis: they find the same as one thread, with one walk over Redis.
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DIFF_THREAD, diffInThreads } from '../../src/app/diff-threads.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { SentWalk } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { deviceReport, userReport } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { NOW, seen } from './office.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

function compiled(document: PolicyDocument) {
  const { policy, problems } = compilePolicy(document);
  if (policy === null) throw new Error(JSON.stringify(problems));
  return forEverybody(policy);
}

const task = {
  before: compiled({ mode: 'reportOnly' }),
  after: compiled({
    rules: [{ match: { groups: ['vip'] }, action: 'allow' }],
    limits: { devicesPerUser: 1 },
  }),
  now: NOW,
};

/** More users than wait in a thread at once. */
const USERS = 4_000;
const DEVICES = 100;

const options = () => ({
  kind: 'redis' as const,
  url: redis.url,
  keyPrefix: 'easgate:',
  commandTimeoutMs: 30_000,
});

let store: RedisStore;
beforeEach(async () => {
  store = await RedisStore.open(options());
  onTestFinished(() => store.close());
  const users = Array.from({ length: USERS }, (_, index) => `user${index}` as UserKey);
  await store.putUsers(
    users.map((user, index) => userReport(user, { groups: index % 3 === 0 ? ['vip'] : ['staff'] })),
  );
  const devices = Array.from({ length: DEVICES }, (_, index) => `phone${index}` as DeviceKey);
  await store.putDevices(
    devices.map((device, index) => deviceReport(device, { compliant: index % 2 === 0 })),
  );
  // Two devices of each user.
  await store.recordSeen(devices.map((device, index) => seen(`user${index >> 1}`, device, index)));
});

/** How often Redis ran a command. */
async function calls(command: 'hgetall' | 'scan'): Promise<number> {
  const stats = await client.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

describe('a comparison of policies in several threads over Redis', () => {
  it('finds what one thread finds, and reads each device and each user once', async () => {
    const expected = await diffInThreads(store, null, task);
    const before = await calls('hgetall');
    const threads = { threads: 3, devices: 1, program: DIFF_THREAD };
    const found = await diffInThreads(store, options(), task, () => undefined, threads);
    // A walk may come across a key twice while Redis resizes its table.
    const read = (await calls('hgetall')) - before;
    expect(read).toBeGreaterThanOrEqual(USERS + DEVICES);
    expect(read).toBeLessThan(2 * USERS);
    expect(found).toEqual(expected);
    expect(found.compared).toBe(DEVICES);
    expect(found.keptOut.all).toBeGreaterThan(0);
  });

  it('walks over the keys once, however many threads compare', async () => {
    const scansOf = async (threads: number): Promise<number> => {
      const before = await calls('scan');
      await diffInThreads(store, options(), task, () => undefined, {
        threads,
        devices: 1,
        program: DIFF_THREAD,
      });
      return (await calls('scan')) - before;
    };
    const [two, four] = [await scansOf(2), await scansOf(4)];
    expect(two).toBeGreaterThan(1);
    expect(four).toBeLessThanOrEqual(two + 2);
  });

  it('fails when a thread ends while users are sent', async () => {
    const program = new URL('ending-thread.ts', import.meta.url);
    const found = diffInThreads(store, options(), task, () => undefined, { threads: 3, devices: 1, program });
    await expect(found).rejects.toThrow('a thread that compares policies ended');
  });

  it('fails when Redis fails while users are read', async () => {
    const spread: SentWalk = {
      ...store.spread,
      async *scan() {
        yield* [];
        throw new Error('away');
      },
    };
    const broken = Object.assign(Object.create(store) as RedisStore, { spread });
    const threads = { threads: 2, devices: 1, program: DIFF_THREAD };
    await expect(diffInThreads(broken, options(), task, () => undefined, threads)).rejects.toThrow('away');
  });
});
