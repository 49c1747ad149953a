// Owns the tests of the Redis store: the contract of all stores on a real server, and its behaviour during an outage.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserKey } from '../../src/identity/keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import { alice, decision, deviceRecord, phone, storeContract, wipeDecision } from './store-contract.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';

checkLeaksAtEnd();

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.kill());

const open = (commandTimeoutMs = 30_000): Promise<DirectoryStore> =>
  RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs });
const fixture = {
  open: () => open(),
  reset: () => redis.clear(),
};

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
    const cache = new VerdictCache(
      store,
      compileSimplePolicy({}),
      { ...limits, ...outage, lookupTimeoutMs: 10_000, onLookupError: () => undefined },
      () => clock.now,
    );
    await store.decide(null, phone, wipeDecision(100));
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('wipe');
    redis.freeze();
    const pass = stopTimers();
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

  it('reads a device record without the time of its state, and decides even when a partnership cannot be read', async () => {
    await fixture.reset();
    const client = new Redis(redis.url);
    const old = { managed: true, compliant: false, source: 'mdm', version: 1, observedAt: 1_764_000_000_000 };
    await client.set(`easgate:device:${phone}`, JSON.stringify(old));
    await client.set(`easgate:partnership:${Buffer.from(alice).toString('base64url')}:${phone}`, 'nonsense');
    client.disconnect();
    const store = await open();
    const found = await store.lookup(alice, phone);
    expect(found.device).toMatchObject({ stateSince: 1_764_000_000_000, unmetRequirements: [] });
    expect(found.partnership).toBeNull();
    const before = await store.position();
    await store.putDevice(
      deviceRecord(phone, { compliant: false, model: null, version: 2, observedAt: 1_764_000_000_009 }),
    );
    expect(await store.position()).toBe(before);
    expect((await store.getDevice(phone))?.record).toMatchObject({
      version: 2,
      stateSince: 1_764_000_000_000,
    });
    await store.close();
  });

  it('settles a wipe once, whatever the JSON formatting of its record', async () => {
    await fixture.reset();
    const store = await open();
    const client = new Redis(redis.url);
    const { wipe, ...rest } = wipeDecision(100);
    await client.set(`easgate:decision:${phone}:`, ` ${JSON.stringify({ wipe, more: 1, ...rest }, null, 1)}`);
    client.disconnect();
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
    const client = new Redis(redis.url);
    await client.set(`easgate:decision:${phone}:`, JSON.stringify({ ...wipeDecision(1), ...more }));
    client.disconnect();
    expect(await store.lookup(alice, phone)).toMatchObject({
      deviceDecision: null,
      unreadable: [expect.stringContaining(`decision ${phone}`) as string],
    });
    await store.close();
  });

  it('reports an unreadable decision on a user only to look-ups of that user', async () => {
    await fixture.reset();
    const store = await open();
    const client = new Redis(redis.url);
    await store.decide('bob' as UserKey, phone, decision('block'));
    await client.set(`easgate:decision:${phone}:${Buffer.from('bob').toString('base64url')}`, 'nonsense');
    client.disconnect();
    expect((await store.lookup(alice, phone)).unreadable).toBeUndefined();
    for (const name of ['bob', 'bob@example.com'])
      expect((await store.lookup(name as UserKey, phone)).unreadable).toHaveLength(1);
    await store.close();
  });

  it('reports when changes were trimmed from the change log', async () => {
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
});
