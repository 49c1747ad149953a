// Owns the threat of a Redis script that fails half-way: Redis undoes nothing (redis.io/docs, EVAL, atomicity), so a block
// that was reported as failed would take effect later, without an entry in the change log.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { alice, decision, deviceRecord, phone } from '../directory/store-contract.ts';
import { checkLeaksAtEnd, closeAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
let store: RedisStore;

async function open(url: string): Promise<RedisStore> {
  return closeAtEnd(await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 2_000 }));
}

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});
beforeEach(async () => {
  await redis.clear();
  store = await open(redis.url);
  await store.decide(null, other, decision('block'));
});
afterAll(async () => {
  client.disconnect();
  await redis.kill();
});

const other = 'phone9' as DeviceKey;
const seen = {
  user: alice,
  device: phone,
  firstSeen: 1,
  lastSeen: 1,
  deviceType: 'x',
  userAgent: null,
  protocolVersion: null,
  lastVerdict: 'allow',
  lastReason: 'compliant',
  model: null,
  os: null,
  imei: null,
  spellings: ['phone1'],
};

/** All operations that write, by name. */
const WRITES: readonly [string, () => Promise<unknown>][] = [
  ['a decision', () => store.decide(null, phone, decision('block'))],
  ['a decision on a partnership', () => store.decide(alice, phone, decision('block'))],
  ['a decision that is compared', () => store.replaceDecision(null, phone, null, decision('block'))],
  ['taking back a decision', () => store.decide(null, other, null)],
  [
    'taking back a decision that is compared',
    () => store.replaceDecision(null, other, decision('block'), null),
  ],
  ['a device report', () => store.putDevice(deviceRecord(phone))],
  ['a user', () => store.putUser({ key: alice, aliases: ['a' as UserKey, 'b' as UserKey], groups: [] })],
  ['a partnership', () => store.recordSeen([seen, { ...seen, device: 'phone2' as DeviceKey }])],
];

/** All keys with their values. */
async function content(): Promise<string> {
  const keys = (await client.keys('*')).sort();
  return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await client.dump(key)])));
}

/** Reasons for Redis to refuse a write, and the writes concerned. */
const CAUSES: readonly [string, (write: string) => boolean, () => Promise<unknown>][] = [
  ['the change log is no stream', appends, () => client.set('easgate:changes', 'nonsense')],
  [
    'the change log is at its last id',
    appends,
    () => client.xadd('easgate:changes', '18446744073709551615-18446744073709551615', 'd', '', 'u', ''),
  ],
  [
    'the index of devices is no set',
    (write) => appends(write) && write !== 'a user',
    () => client.set('easgate:index:devices', 'nonsense'),
  ],
  [
    'the index of partnerships is no set',
    (write) => !appends(write),
    () => client.set('easgate:index:partnerships', 'nonsense'),
  ],
  ['there is no memory', () => true, () => client.config('SET', 'maxmemory', '1')],
  ['its account may not append to the log', appends, () => asAccountWithout('xadd')],
  ['its account may not write an index', (write) => write !== 'a user', () => asAccountWithout('sadd')],
  ['its account may not delete', (write) => write.startsWith('taking'), () => asAccountWithout('del')],
  [
    'its account may not write records',
    (write) => !write.startsWith('taking'),
    () => asAccountWithout('set'),
  ],
];

function appends(write: string): boolean {
  return write !== 'a partnership';
}

/** Switches the store's connection to another account. */
async function asAccountWithout(command: string): Promise<void> {
  await client.call('ACL', 'SETUSER', 'half', 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
  store = await open(redis.url.replace('redis://', 'redis://half:pw@'));
}

describe.each(CAUSES)('when %s', (_cause, concerns, bringAbout) => {
  beforeEach(() => {
    onTestFinished(async () => {
      await client.config('SET', 'maxmemory', '0');
      await client.call('ACL', 'DELUSER', 'half');
    });
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
    await client.set('easgate:changes', 'nonsense');
    await expect(store.decide(null, phone, decision('block'))).rejects.toThrow('nothing was written');
    await client.del('easgate:changes');
    expect((await store.lookup(alice, phone)).deviceDecision).toBeNull();
  });
});
