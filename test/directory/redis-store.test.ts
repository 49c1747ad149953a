// Owns the tests of the Redis store: the contract of all stores on a real server, and its behaviour during an outage.
import type { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { RedisKeys, partitionOfDevice } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { startRedis, useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { eventually } from '../support/checks/until.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import {
  BY_TEST,
  alice,
  decision,
  phone,
  seenPartnership,
  wipeDecision,
} from '../support/servers/directory-records.ts';
import type { OpenOptions, StoredRecord } from './contract/fixture.ts';
import { redisPlaceOf } from './contract/redis-place.ts';
import { storeContract } from './store-contract.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

const open = (commandTimeoutMs = 30_000): Promise<DirectoryStore> =>
  RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs });
const keys = new RedisKeys('easgate:');
const fixture = {
  open: ({ names = NO_GROUPS, sources = [] }: OpenOptions = {}): Promise<DirectoryStore> =>
    RedisStore.open(
      { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
      names,
      UNGUARDED,
      sources,
    ),
  reset: () => redis.clear(),
  writeText: async (record: StoredRecord, text: string): Promise<void> => {
    const [key, field] = redisPlaceOf(record);
    await client.hset(key, field, text);
  },
};

const onDevice = { device: phone, user: null };

describe('the Redis store', () => {
  storeContract(fixture);

  it('fails a look-up within the command time-out when Redis hangs', async () => {
    const store = await open(2_000);
    redis.freeze();
    // Long before the connection counts as silent.
    await expect(store.lookup(alice, phone)).rejects.toThrow('Command timed out');
    redis.thaw();
    await store.close();
  });

  it('confirms no wipe while Redis hangs, and the gateway blocks the device', async () => {
    await fixture.reset();
    const store = await open();
    const clock = { now: 1_000_000 };
    const limits = { maxEntries: 10, maxUnknownEntries: 10, lifetimeMs: 60_000, unknownLifetimeMs: 10_000 };
    const outage = { maxConcurrentLookups: 4, staleAllowedMs: 900_000, staleBlockedMs: 900_000 };
    // The deadlines of look-ups share a timer: all of it is on this clock.
    const pass = stopTimers();
    const cache = new VerdictCache(
      store,
      compileSimplePolicy({}),
      { ...limits, ...outage, lookupTimeoutMs: 10_000, onLookupError: () => undefined },
      () => clock.now,
    );
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('wipe');
    redis.freeze();
    try {
      const confirmed = cache.confirm(alice, phone);
      await pass(10_000);
      expect(await confirmed).toBeNull();
      clock.now += 6_000;
      expect(cache.peek(alice, phone)).toBeUndefined();
      const decided = cache.decide(alice, phone);
      await pass(10_000);
      expect((await decided).verdict?.action).toBe('block');
    } finally {
      redis.thaw();
    }
    // Replies to the commands sent while Redis hung have arrived, and nobody waits for them.
    expect((await cache.confirm(alice, phone))?.action).toBe('wipe');
    await store.close();
  });

  it('settles a wipe once however the record was written', async () => {
    await fixture.reset();
    const store = await open();
    const { wipe, ...rest } = wipeDecision(100);
    const text = ` ${JSON.stringify({ wipe: { ...wipe, epoch: 1 }, more: 1, ...rest }, null, 1)}`;
    await fixture.writeText({ kind: 'decision', ...onDevice }, text);
    const told = { requestedAt: 100, user: alice };
    expect(await store.noteWipeTold(null, phone, { ...told, at: 150 })).toBe(true);
    expect(await store.acknowledgeWipe(null, phone, { ...told, status: 1, at: 200 })).toBe(true);
    expect((await store.lookup(alice, phone)).deviceDecision).toMatchObject({
      wipe: { state: 'acknowledged', acknowledgedAt: 200 },
    });
    await store.close();
  });

  it.each([
    ['without progress', { wipe: undefined }],
    ['without a time', { wipe: { state: 'pending' } }],
    ['in no known state', { wipe: { requestedAt: 1, state: 'done' } }],
    ['that expires', { expiresAt: 5 }],
  ])('refuses to read a wipe %s', async (_what, more) => {
    await fixture.reset();
    const store = await open();
    await fixture.writeText(
      { kind: 'decision', ...onDevice },
      JSON.stringify({ ...wipeDecision(1), ...more }),
    );
    expect(await store.lookup(alice, phone)).toMatchObject({
      deviceDecision: null,
      unreadable: [expect.stringContaining(`decision ${phone}`) as string],
    });
    await store.close();
  });

  it('reports an unreadable decision on a user only to look-ups of that user', async () => {
    await fixture.reset();
    const store = await open();
    await fixture.writeText({ kind: 'decision', device: phone, user: 'bob' as UserKey }, 'nonsense');
    expect((await store.lookup(alice, phone)).unreadable).toBeUndefined();
    for (const name of ['bob', 'bob@example.com'])
      expect((await store.lookup(name as UserKey, phone)).unreadable).toHaveLength(1);
    await store.close();
  });

  it.each([
    ['a device whose key is no hash', keys.device(phone)],
    ['a user whose key is no hash', keys.users(alice)],
  ])('denies %s, and the next write makes it one', async (_what, key) => {
    await fixture.reset();
    const store = await open();
    await client.set(key, 'text');
    expect((await store.lookup(alice, phone)).unreadable).toHaveLength(1);
    expect((await store.lookup('bob' as UserKey, 'other' as DeviceKey)).unreadable).toBeUndefined();
    await store.decide(onDevice, decision('block'), BY_TEST);
    await store.decide({ device: null, user: alice }, decision('block'), BY_TEST);
    expect((await store.lookup(alice, phone)).unreadable).toBeUndefined();
    await store.close();
  });

  it('denies a device with a field that no name is written so', async () => {
    await fixture.reset();
    const store = await open();
    await client.hset(keys.device(phone), 'm:a b', JSON.stringify(decision('allow')));
    expect((await store.lookup(alice, phone)).unreadable).toHaveLength(1);
    await store.close();
  });

  it('keeps a limited number of partnerships of a device, and of names of one local part: those seen last', async () => {
    await fixture.reset();
    const store = await open();
    const seen = Array.from({ length: 1_100 }, (_, index) =>
      seenPartnership(`made-up${index}\\alice` as UserKey, phone, index + 1),
    );
    for (let at = 0; at < seen.length; at += 200) await store.recordSeen(seen.slice(at, at + 200));
    expect(await client.hlen(keys.users(alice))).toBe(1_000);
    expect(await client.hlen(keys.device(phone))).toBe(256);
    const last = await store.lookup('made-up1099\\alice' as UserKey, phone);
    expect([last.partnership?.firstSeen, last.userDevices.length]).toEqual([1_100, 1]);
    expect((await store.lookup('made-up0\\alice' as UserKey, phone)).partnership).toBeNull();
    await store.close();
  });

  it('says so when changes were trimmed away', async () => {
    await fixture.reset();
    const store = await open();
    await store.decide(onDevice, decision('block'), BY_TEST);
    const position = await store.position();
    for (let round = 0; round < 3; round++) await store.decide(onDevice, decision('allow'), BY_TEST);
    await client.xtrim(keys.changes(partitionOfDevice(phone)), 'MAXLEN', 1);
    expect((await store.changesAfter(position)).trimmed).toBe(true);
    await store.close();
  });

  it('waits for nobody with a decision where there is no second server', async () => {
    await fixture.reset();
    const store = await open();
    expect(await store.decide(onDevice, decision('block'), BY_TEST)).toEqual({ replicated: null });
    await store.close();
  });

  it('takes further decisions while a second server does not answer to those before', async () => {
    await fixture.reset();
    const follow = ['--replicaof', '127.0.0.1', String(redis.port), '--repl-diskless-sync-delay', '0'];
    const replica = await startRedis(follow, false);
    onTestFinished(async () => {
      replica.thaw();
      await replica.kill();
    });
    await eventually(
      () => client.info('replication'),
      (info) => info.includes('state=online'),
      'the replica to follow',
    );
    const store = await open(2_000);
    replica.freeze();
    const block = (device: string) =>
      store.decide({ device: device as DeviceKey, user: null }, decision('block'), BY_TEST);
    const [first, ...others] = ['a', 'b', 'c', 'd'].map(block);
    expect(await first).toEqual({ replicated: false });
    expect(await block('e')).toEqual({ replicated: false });
    for (const other of others) expect(await other).toEqual({ replicated: false });
    await store.close();
  });
});
