// Owns the threat of a Redis script that fails half-way: Redis undoes nothing (redis.io/docs, EVAL, atomicity), so a block
// that was said to have failed would take effect later, without a line in the change log.
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PARTITIONS, RedisKeys, userField } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  phone,
  seenPartnership,
  userReport,
} from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
let store: RedisStore;
const opened: RedisStore[] = [];

async function open(url: string): Promise<RedisStore> {
  const one = await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
  opened.push(one);
  return one;
}

useRedis((server, connection) => ([redis, client] = [server, connection]));
beforeEach(async () => {
  await redis.clear();
  store = await open(redis.url);
  await store.decide(onOther, decision('block'), BY_TEST);
  await store.putImported('exchange', [{ ...onOther, decision: decision('allow') }]);
  await store.putUsers([userReport(dave, { aliases: ['d'] })]);
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

const keys = new RedisKeys('easgate:');
const other = 'phone9' as DeviceKey;
const dave = 'dave' as UserKey;
const many = [...Array(600).keys()].map((index) => ({
  user: `user${index}` as UserKey,
  device: `phone${index}` as DeviceKey,
}));
const onPhone = { device: phone, user: null };
const onOther = { device: other, user: null };

/** Everything that writes, by name. */
const WRITES: readonly [string, () => Promise<unknown>][] = [
  ['a decision', () => store.decide(onPhone, decision('block'), BY_TEST)],
  [
    'a decision on a partnership',
    () => store.decide({ device: phone, user: alice }, decision('block'), BY_TEST),
  ],
  ['a decision on a user', () => store.decide({ device: null, user: alice }, decision('block'), BY_TEST)],
  ['a decision that is compared', () => store.replaceDecision(onPhone, null, decision('block'), BY_TEST)],
  ['taking back a decision', () => store.decide(onOther, null, BY_TEST)],
  [
    'taking back a decision that is compared',
    () => store.replaceDecision(onOther, decision('block'), null, BY_TEST),
  ],
  [
    'an imported decision',
    () => store.putImported('exchange', [{ ...onPhone, decision: decision('allow') }]),
  ],
  ['removing an imported decision', () => store.putImported('exchange', [{ ...onOther, decision: null }])],
  ['a device report', () => store.putDevices([deviceReport(phone), deviceReport(other)])],
  ['a user', () => store.putUsers([userReport(alice, { aliases: ['a', 'x\\alice'] })])],
  ['removing an alias', () => store.putUsers([userReport(dave, { aliases: [], observedAt: 9 })])],
  [
    'a partnership',
    () => store.recordSeen([seenPartnership(alice, phone, 1), seenPartnership(alice, other, 1)]),
  ],
  // More than a gateway writes at once.
  [
    'a bulk of partnerships',
    () => store.recordSeen(many.map((one) => seenPartnership(one.user, one.device, 1))),
  ],
];

/** All keys with what they hold, but for the notes: they name changes that are about to be made, and change nothing. */
async function content(): Promise<string> {
  const keys = (await client.keys('*')).filter((key) => !key.endsWith('}:notes')).sort();
  return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await client.dump(key)])));
}

/** What makes Redis refuse, and which writes it concerns. */
const CAUSES: readonly [string, (write: string) => boolean, () => Promise<unknown>][] = [
  [
    'the change log is no stream, and its account may not delete it',
    appends,
    async () => {
      await asAccountWithout('del');
      await inEachLog((name) => client.set(name, 'nonsense'));
    },
  ],
  ['the change log is at its last id', appends, atTheLastId],
  ['there is no memory', () => true, () => client.config('SET', 'maxmemory', '1')],
  ['its account may not append to the log', appends, () => asAccountWithout('xadd')],
  ['its account may not delete fields', removes, () => asAccountWithout('hdel')],
  ['its account may not write fields', (write) => !removes(write), () => asAccountWithout('hset')],
  [
    'its account may not delete what is no hash',
    (write) => write === 'a decision on a user',
    async () => {
      await client.set(keys.users(alice), 'nonsense');
      await asAccountWithout('del');
    },
  ],
];

function atTheLastId(): Promise<unknown> {
  return inEachLog((name) => client.xadd(name, '18446744073709551615-18446744073709551615', 'd', ''));
}

function inEachLog(write: (name: string) => Promise<unknown>): Promise<unknown> {
  return Promise.all(
    PARTITIONS.map(async (partition) => {
      await client.del(keys.changes(partition));
      await write(keys.changes(partition));
    }),
  );
}

function removes(write: string): boolean {
  return write.startsWith('removing');
}

function appends(write: string): boolean {
  return write !== 'a partnership' && write !== 'a bulk of partnerships';
}

/** The store's connection has another account from now on. */
async function asAccountWithout(command: string): Promise<void> {
  await client.call('ACL', 'SETUSER', 'half', 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
  store = await open(redis.url.replace('redis://', 'redis://half:pw@'));
}

describe.each(CAUSES)('when %s', (_cause, concerns, bringAbout) => {
  afterEach(async () => {
    await client.config('SET', 'maxmemory', '0');
    await client.call('ACL', 'DELUSER', 'half');
  });

  it.each(WRITES.filter(([name]) => concerns(name)))('%s leaves nothing', async (_name, write) => {
    await bringAbout();
    const before = await content();
    await expect(write()).rejects.toMatchObject({
      code: 'EASGATE_STORE_REFUSED',
      message: expect.stringContaining('nothing was written') as string,
    });
    expect(await content()).toBe(before);
  });
});

describe('a block that failed', () => {
  it('takes no effect later', async () => {
    await atTheLastId();
    await expect(store.decide(onPhone, decision('block'), BY_TEST)).rejects.toThrow('nothing was written');
    for (const partition of PARTITIONS) await client.del(keys.changes(partition));
    expect((await store.lookup(alice, phone)).deviceDecision).toBeNull();
  });
});

describe('one record of many that cannot be written over what was read', () => {
  it('stops none of the others, and is joined again', async () => {
    const devices = Array.from({ length: 40 }, (_, index) => `bulk${index}` as DeviceKey);
    const observations = (observedAt: number) => devices.map((key) => deviceReport(key, { observedAt }));
    const [one, two] = await Promise.all([
      store.putDevices(observations(1)),
      store.putDevices(observations(2)),
    ]);
    expect(two.every((outcome) => outcome !== 'older')).toBe(true);
    expect(one).toHaveLength(40);
    for (const key of devices)
      expect((await store.lookup(alice, key)).device).toMatchObject({
        observedAt: 2,
        reportedSince: expect.any(Number) as number,
      });
  });

  it('a name cannot produce another field', async () => {
    const odd = 'a:b c%~@x' as UserKey;
    await store.decide({ device: phone, user: odd }, decision('block'), BY_TEST);
    await store.decide({ device: null, user: odd }, decision('block'), BY_TEST);
    expect(await client.hkeys(keys.device(phone))).toEqual(['m:a%3Ab%20c%25%7E@x']);
    expect(userField.decision('a:b c%~', odd)).toBe('m:~@x');
    expect((await store.lookup(odd, phone)).exactDecisions).toMatchObject([{ user: odd }]);
  });
});
