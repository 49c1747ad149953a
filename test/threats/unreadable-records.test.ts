// Owns the threat of a malformed record, written by another program or by a newer version: its device is blocked,
// and no other device, list or command is affected.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisKeys, deviceField, userField } from '../../src/directory/redis/redis-keys.ts';
import { foldedLocalPart } from '../../src/identity/folded-name.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { decideAccess } from '../../src/policy/access.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import { startRedis } from '../support/servers/redis.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  phone,
  seenPartnership,
  userReport,
} from '../support/servers/directory-records.ts';

checkLeaks();

const other = 'phone2' as DeviceKey;
const OPEN = compileSimplePolicy({ unknownDevice: 'allow' });

/** A store, and a way to write any value in place of a record. */
interface Vandal {
  readonly store: DirectoryStore;
  readonly device: (text: string) => Promise<unknown>;
  readonly decision: (text: string, user?: UserKey) => Promise<unknown>;
  readonly partnership: (text: string) => Promise<unknown>;
  readonly user: (text: string) => Promise<unknown>;
}

const STORES: readonly [string, () => Promise<Vandal>][] = [
  [
    'embedded',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'easgate-unreadable-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const path = join(folder, 'directory.db');
      const store = new EmbeddedStore(path);
      const raw = new DatabaseSync(path);
      onTestFinished(() => raw.close());
      onTestFinished(() => store.close());
      const write = (table: string, ...values: (string | number | null)[]): unknown =>
        raw
          .prepare(`INSERT OR REPLACE INTO ${table} VALUES (${values.map(() => '?').join(', ')})`)
          .run(...values);
      return {
        store,
        device: async (text) => write('device_reports', phone, 'mdm', text),
        decision: async (text, user) => write('decisions', phone, user ?? '', user ?? '', text),
        partnership: async (text) => write('partnerships', phone, alice, alice, 1, null, text),
        user: async (text) => write('user_reports', alice, alice, 'ad', text),
      };
    },
  ],
  [
    'redis',
    async () => {
      const redis = await startRedis();
      const store = await RedisStore.open({
        url: redis.url,
        keyPrefix: 'easgate:',
        commandTimeoutMs: 30_000,
      });
      const raw = new Redis(redis.url);
      onTestFinished(() => redis.kill());
      onTestFinished(() => raw.disconnect());
      onTestFinished(() => store.close());
      const keys = new RedisKeys('easgate:');
      const set = (field: string, text: string): Promise<unknown> =>
        raw.hset(keys.device(phone), field, text);
      return {
        store,
        device: (text) => set(deviceField.report('mdm'), text),
        decision: (text, user) => set(deviceField.decision(user ?? null), text),
        partnership: (text) => set(deviceField.partnership(alice), text),
        user: (text) =>
          raw.hset(
            keys.users(foldedLocalPart(alice)),
            userField.report(foldedLocalPart(alice), 'ad', alice),
            text,
          ),
      };
    },
  ],
];

const NONSENSE = ['', 'nonsense', '[]', '[7]', '{"action":"explode"}', '[{"action":"wipe"}]'];

async function verdictOf(store: DirectoryStore, device: DeviceKey): Promise<string> {
  const found = await store.lookup(alice, device);
  const { action, reason } = decideAccess(
    OPEN,
    readAccess(found, { user: alice, device, deviceType: null }, 1_000),
    1_000,
  );
  return `${action} ${reason}`;
}

describe.each(STORES)('a record that is not understood, in the %s store', (_kind, open) => {
  it.each(NONSENSE)('as a decision (%j) keeps its device out, and no other', async (text) => {
    const { store, decision: write } = await open();
    await store.putDevices([deviceReport(phone)]);
    await store.decide({ user: null, device: other }, decision('block'), BY_TEST);
    await write(text);
    expect(await verdictOf(store, phone)).toBe('block storeUnavailable');
    expect(await verdictOf(store, other)).toBe('block individualRule');
    expect((await store.getDevice(phone))?.unreadable).toHaveLength(1);
    expect((await store.getDevice(other))?.unreadable).toBeUndefined();
    expect(await store.unreadable()).toEqual([expect.stringContaining(phone) as string]);
    // It can be overwritten, and taken back.
    expect(
      await store.replaceDecision({ user: null, device: phone }, null, decision('allow'), BY_TEST),
    ).not.toBeNull();
    expect(await verdictOf(store, phone)).toBe('allow individualRule');
    await write(text);
    expect(await store.replaceDecision({ user: null, device: phone }, null, null, BY_TEST)).not.toBeNull();
    expect(await store.unreadable()).toEqual([]);
    expect(await verdictOf(store, phone)).toBe('allow compliant');
  });

  it.each(NONSENSE)('as a decision on a partnership (%j) keeps that user out on it', async (text) => {
    const { store, decision: write } = await open();
    await write(text, alice);
    expect(await verdictOf(store, phone)).toBe('block storeUnavailable');
    expect((await store.lookup('bob' as UserKey, phone)).unreadable).toBeUndefined();
    expect(await store.replaceDecision({ user: alice, device: phone }, null, null, BY_TEST)).not.toBeNull();
    expect(await verdictOf(store, phone)).toBe('allow unknownDevice');
  });

  it.each(['', 'nonsense', '{"managed":"yes"}'])(
    'as a device report (%j) keeps its device out until the next report',
    async (text) => {
      const { store, device } = await open();
      await device(text);
      expect(await verdictOf(store, phone)).toBe('block storeUnavailable');
      expect((await store.getDevice(phone))?.unreadable).toHaveLength(1);
      expect(await store.putDevices([deviceReport(phone)])).toEqual(['news']);
      expect(await verdictOf(store, phone)).toBe('allow compliant');
    },
  );

  it.each(['', 'nonsense', '{"firstSeen":"noon"}'])(
    'as a partnership (%j) decides nothing, and is listed',
    async (text) => {
      const { store, partnership } = await open();
      await partnership(text);
      expect(await verdictOf(store, phone)).toMatch(/^allow/);
      expect(await store.getDevice(phone)).toMatchObject({
        partnerships: [{ user: alice, device: phone }],
        unreadable: [expect.stringContaining('partnership') as string],
      });
    },
  );

  it.each(['', 'nonsense', '{"aliases":1}'])('as a user (%j) is found, and overwritten', async (text) => {
    const { store, user } = await open();
    await user(text);
    expect(await store.unreadable()).toHaveLength(1);
    await store.putUsers([userReport(alice, { aliases: ['al'], groups: [] })]);
    expect(await store.unreadable()).toEqual([]);
    expect((await store.lookup('al' as UserKey, phone)).user).toBe(alice);
  });

  it('is said in the log, and no verdict of before serves in its place', async () => {
    const { store, decision: write } = await open();
    const errors: unknown[] = [];
    const cache = new VerdictCache(
      store,
      OPEN,
      {
        maxEntries: 9,
        maxUnknownEntries: 9,
        lifetimeMs: 1_000,
        unknownLifetimeMs: 1_000,
        maxConcurrentLookups: 9,
        lookupTimeoutMs: 30_000,
        staleAllowedMs: 900_000,
        staleBlockedMs: 900_000,
        onLookupError: (error) => errors.push(error),
      },
      () => now,
    );
    let now = 1_000;
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    await write('nonsense');
    now += 2_000;
    expect(await cache.decide(alice, phone)).toMatchObject({
      source: 'store',
      verdict: { action: 'block', reason: 'storeUnavailable' },
    });
    expect(errors).toMatchObject([
      { code: 'EASGATE_CORRUPT_RECORD', record: expect.stringContaining(phone) as string },
    ]);
  });
});

it('a key of Redis that is no hash any more keeps its device and its user out, whatever the phone does, until an operator writes it anew', async () => {
  const redis = await startRedis();
  const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
  const raw = new Redis(redis.url);
  onTestFinished(() => redis.kill());
  onTestFinished(() => raw.disconnect());
  onTestFinished(() => store.close());
  const keys = new RedisKeys('easgate:');
  const onDevice = { device: phone, user: null };
  await store.decide(onDevice, decision('block'), BY_TEST);
  await store.putUsers([userReport(alice)]);
  for (const key of [keys.device(phone), keys.users(foldedLocalPart(alice))])
    await raw.multi().del(key).set(key, 'rubbish').exec();
  await store.recordSeen([seenPartnership(alice, phone, 2_000)], () => undefined);
  expect(await verdictOf(store, phone)).toBe('block storeUnavailable');
  expect(await verdictOf(store, other)).toBe('block storeUnavailable');
  expect(await store.unreadable()).toEqual([`device ${phone}`, `user ${foldedLocalPart(alice)}`]);
  await store.putUsers([userReport(alice)]);
  await store.decide(onDevice, decision('block'), BY_TEST);
  expect(await verdictOf(store, phone)).toBe('block individualRule');
  expect(await store.unreadable()).toEqual([]);
});
