// Owns the promises of the migration to one key per device, in both stores: older versions kept a key per spelling of the id.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { needsOneKey, underOneKey } from '../../src/directory/one-key.ts';
import type { StoredDevice } from '../../src/directory/one-key.ts';
import { readDecision } from '../../src/model/decision.ts';
import { RedisKeys, decodeUser, encodeUser } from '../../src/directory/redis/redis-keys.ts';
import { RedisGuard } from '../../src/directory/redis/redis-guard.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { RedisMigration } from '../../src/directory/redis/redis-migration.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { initDirectory, startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

const TEXT = 'appl1' as DeviceKey;
const HEX = '6170706c31' as DeviceKey;
const OTHER = 'phone9' as DeviceKey;
const alice = 'alice' as UserKey;

const report = (compliant: boolean, observedAt: number, more: object = {}): object => ({
  managed: true,
  compliant,
  model: null,
  source: 'mdm',
  version: observedAt,
  observedAt,
  stateSince: observedAt,
  ...more,
});
const decided = (action: string, expiresAt: number | null = null): object => ({
  action,
  owner: 'admin',
  reason: null,
  decidedAt: 5,
  expiresAt,
});
/** A wipe in the old form, which does not name its partnerships. */
const wipe = (requestedAt: number, state = 'pending'): object => ({
  ...decided('wipe'),
  wipe: { requestedAt, state, acknowledgedAt: null, deviceStatus: null },
});
const seen = (firstSeen: number, lastSeen: number, more: object = {}): object => ({
  firstSeen,
  lastSeen,
  deviceType: 'iPhone',
  userAgent: null,
  protocolVersion: '16.1',
  lastVerdict: 'allow',
  lastReason: 'compliant',
  ...more,
});

interface Old {
  readonly devices?: readonly (readonly [DeviceKey, object | string])[];
  readonly decisions?: readonly (readonly [DeviceKey, string, object | string])[];
  readonly partnerships?: readonly (readonly [DeviceKey, string, object | string])[];
}
const textOf = (record: object | string): string =>
  typeof record === 'string' ? record : JSON.stringify(record);

interface Fixture {
  /** Writes records in the form of an older version. */
  write(old: Old): Promise<void>;
  open(): Promise<DirectoryStore>;
}

function promises(fixture: Fixture): void {
  const opened = async (old: Old, work: (store: DirectoryStore) => Promise<void>): Promise<void> => {
    await fixture.write(old);
    const store = await fixture.open();
    await work(store);
    await store.close();
  };

  it('moves everything to the one key, and leaves nothing under the others', async () => {
    const old = {
      devices: [[HEX, report(false, 10, { model: 'iPhone' })]],
      decisions: [
        [HEX, '', decided('block')],
        [HEX, alice, decided('quarantine')],
        [OTHER, alice, decided('allow')],
      ],
      partnerships: [
        [HEX, alice, seen(3, 9)],
        [OTHER, alice, seen(4, 4)],
      ],
    } as const;
    await opened(old, async (store) => {
      const found = await store.lookup(alice, TEXT);
      expect(found).toMatchObject({
        device: { compliant: false, model: 'iPhone' },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 3, spellings: [HEX] },
      });
      expect((await store.lookup(alice, OTHER)).partnershipDecision?.action).toBe('allow');
      expect((await store.listDevices()).map(({ key }) => key)).not.toContain(HEX);
      expect((await store.listPartnerships()).map(({ record }) => record.device).sort()).toEqual([
        TEXT,
        OTHER,
      ]);
      expect(await store.getDevice(HEX)).toBeNull();
    });
  });

  it('keeps the strictest decision that has not expired, the latest report and the first time of contact', async () => {
    const old = {
      devices: [
        [TEXT, report(true, 20)],
        [HEX, report(false, 30)],
      ],
      decisions: [
        [TEXT, '', decided('allow')],
        [HEX, '', decided('block')],
        [TEXT, alice, decided('quarantine')],
        [HEX, alice, decided('block', 1)],
      ],
      partnerships: [
        [TEXT, alice, seen(5, 50, { model: 'new' })],
        [HEX, alice, seen(2, 40, { os: 'iOS' })],
      ],
    } as const;
    await opened(old, async (store) => {
      expect(await store.lookup(alice, TEXT)).toMatchObject({
        device: { compliant: false, observedAt: 30 },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 2, lastSeen: 50, model: 'new', os: 'iOS', spellings: [HEX, TEXT] },
      });
    });
  });

  it('adds to a wipe the partnerships seen under its spelling before it, none of them as sent', async () => {
    const old = {
      decisions: [
        [HEX, '', wipe(100)],
        [OTHER, alice, wipe(100)],
      ],
      partnerships: [
        [HEX, alice, seen(10, 20)],
        [HEX, 'late', seen(100, 200)],
        [TEXT, 'bob', seen(1, 1)],
        [OTHER, alice, seen(10, 20)],
        [OTHER, 'bob', seen(10, 20)],
      ],
    } as const;
    await opened(old, async (store) => {
      expect((await store.lookup(alice, TEXT)).deviceDecision).toMatchObject({
        wipe: { state: 'pending', partnerships: [{ user: 'alice', spellings: [HEX], toldAt: null }] },
      });
      expect((await store.lookup(alice, OTHER)).partnershipDecision).toMatchObject({
        wipe: { partnerships: [{ user: 'alice', spellings: [OTHER], toldAt: null }] },
      });
    });
  });

  it('keeps a decision that it cannot read: the device is blocked', async () => {
    const old = {
      decisions: [
        [HEX, '', 'nonsense'],
        [TEXT, '', decided('allow')],
      ],
    } as const;
    await opened(old, async (store) => {
      expect(await store.lookup(alice, TEXT)).toMatchObject({
        deviceDecision: null,
        unreadable: [expect.stringContaining(TEXT) as string],
      });
    });
  });

  it('runs once: records written later stay unchanged', async () => {
    await opened({ decisions: [[HEX, '', decided('block')]] }, async (store) => {
      await store.decide(null, TEXT, null);
      const again = await fixture.open();
      expect((await again.lookup(alice, TEXT)).deviceDecision).toBeNull();
      expect(await again.position()).toBe(await store.position());
      await again.close();
    });
  });
}

describe('an older SQLite file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-one-key-'));
  let count = 0;
  let path = '';
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const write = async ({ devices = [], decisions = [], partnerships = [] }: Old): Promise<void> => {
    path = join(folder, `directory${count++}.db`);
    const database = new DatabaseSync(path);
    database.exec(`
      CREATE TABLE devices (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE users (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE aliases (alias TEXT PRIMARY KEY, user TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE partnerships (user TEXT NOT NULL, device TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (user, device)) WITHOUT ROWID;
      CREATE TABLE decisions (device TEXT NOT NULL, user TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (device, user)) WITHOUT ROWID;
      CREATE TABLE changes (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, user TEXT);
      PRAGMA user_version = 1;`);
    for (const [key, record] of devices)
      database.prepare('INSERT INTO devices VALUES (?, ?)').run(key, textOf(record));
    for (const [device, user, record] of decisions)
      database.prepare('INSERT INTO decisions VALUES (?, ?, ?)').run(device, user, textOf(record));
    for (const [device, user, record] of partnerships)
      database.prepare('INSERT INTO partnerships VALUES (?, ?, ?)').run(user, device, textOf(record));
    database.close();
  };

  promises({ write, open: async () => new EmbeddedStore(path) });

  it('that cannot be migrated stays unchanged', async () => {
    await write({ decisions: [[HEX, '', decided('block')]] });
    const database = new DatabaseSync(path);
    database.exec('DROP TABLE changes');
    database.close();
    expect(() => new EmbeddedStore(path)).toThrow(/changes/);
    const after = new DatabaseSync(path);
    expect(after.prepare('SELECT device FROM decisions').all()).toEqual([{ device: HEX }]);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    after.close();
  });
});

describe('records of an older version in Redis', () => {
  const PREFIX = 'easg*te[1]:';
  const keys = new RedisKeys(PREFIX);
  let redis: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.kill();
  });

  const write = async ({ devices = [], decisions = [], partnerships = [] }: Old): Promise<void> => {
    await client.flushall();
    await initDirectory(redis.url, PREFIX);
    await client.set('easgate1:decision:another:', 'nothing of ours');
    for (const [key, record] of devices) {
      await client.set(keys.device(key), textOf(record));
      await client.sadd(keys.deviceIndex, key);
    }
    for (const [device, user, record] of decisions) {
      await client.set(keys.decision(user === '' ? null : (user as UserKey), device), textOf(record));
      await client.sadd(keys.deviceIndex, device);
    }
    for (const [device, user, record] of partnerships) {
      await client.set(keys.partnership(user as UserKey, device), textOf(record));
      await client.sadd(keys.partnershipIndex, `${encodeUser(user)}:${device}`);
    }
  };
  const open = (): Promise<RedisStore> =>
    RedisStore.open({ url: redis.url, keyPrefix: PREFIX, commandTimeoutMs: 2_000 });

  promises({ write, open });

  const many = (): Old => ({
    devices: Array.from({ length: 40 }, (_, index) => [hexOf(index), report(false, 5)] as const),
    decisions: Array.from({ length: 40 }, (_, index) => [
      [hexOf(index), '', decided('block')] as const,
      [`many${index}` as DeviceKey, '', decided('allow')] as const,
      [hexOf(index), 'x\\alice', decided('quarantine')] as const,
    ]).flat(),
    partnerships: Array.from({ length: 40 }, (_, index) => [hexOf(index), alice, seen(index, 50)] as const),
  });
  const hexOf = (index: number): DeviceKey => Buffer.from(`many${index}`).toString('hex') as DeviceKey;
  const expectAll = async (): Promise<void> => {
    const store = await open();
    for (let index = 0; index < 40; index++) {
      expect(await store.lookup(alice, `many${index}` as DeviceKey)).toMatchObject({
        device: { compliant: false },
        deviceDecision: { action: 'block' },
        namesakeDecisions: [{ user: 'x\\alice', decision: { action: 'quarantine' } }],
        partnership: { firstSeen: index },
      });
    }
    await store.close();
    expect((await client.keys('easg[*]te[[]1[]]:*')).filter((name) => /6d616e79/.test(name))).toEqual([]);
    expect(decodeUser(encodeUser('x\\alice'))).toBe('x\\alice');
  };

  it('are migrated once by gateways that start together', async () => {
    await write(many());
    const stores = await Promise.all(Array.from({ length: 4 }, open));
    for (const store of stores) await store.close();
    await expectAll();
    // The change log has the old and the new key of each device; one gateway wrote them.
    expect(await client.xlen(keys.changes)).toBe(80);
  });

  it('are migrated by the next gateway when one was killed halfway', async () => {
    await write(many());
    for (let attempt = 0; attempt < 3; attempt++) {
      const dying = new Redis(redis.url, { lazyConnect: true, maxRetriesPerRequest: 0 });
      await dying.connect();
      let left = 10;
      const dies = new Proxy(dying, {
        get: (target, name: keyof Redis) => {
          if ((name === 'evalsha' || name === 'eval') && left-- === 0) dying.disconnect();
          const value: unknown = target[name];
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      const guard = new RedisGuard(dies, keys, 'Redis', UNGUARDED);
      await expect(new RedisMigration(dies, guard, keys).run()).rejects.toThrow();
      guard.close();
      expect(await client.get(keys.recordsVersion)).toBeNull();
      dying.disconnect();
    }
    await expectAll();
    expect(await client.get(keys.recordsVersion)).toBe('2');
  });

  it('are refused when their version is later than this program', async () => {
    await write({});
    await client.set(keys.recordsVersion, '3');
    await expect(open()).rejects.toThrow(/schema version 3/);
  });
});

describe('the decision under the one key', () => {
  const action = fc.constantFrom('allow', 'quarantine', 'block', 'wipe');
  const made = fc.tuple(action, fc.constantFrom(null, 50, 5_000)).map(([kind, expiresAt]) => ({
    kind,
    live: kind === 'wipe' || expiresAt === null || expiresAt > 1_000,
    record: textOf(kind === 'wipe' ? wipe(7) : decided(kind, expiresAt)),
  }));

  it('is never less strict than any that was live under a spelling', () => {
    const order = ['allow', 'quarantine', 'block', 'wipe'];
    fc.assert(
      fc.property(made, made, (a, b) => {
        const stored: StoredDevice[] = [
          { key: TEXT, record: null, decisions: [{ user: '', record: a.record }], partnerships: [] },
          { key: HEX, record: null, decisions: [{ user: '', record: b.record }], partnerships: [] },
        ];
        expect(needsOneKey(stored)).toBe(true);
        const one = underOneKey(stored, 1_000, 1);
        expect([one.key, one.decisions.length]).toEqual([TEXT, 1]);
        const kept = readDecision(one.decisions[0]?.record ?? '', 'kept', 1);
        for (const { kind, live } of [a, b])
          if (live) expect(order.indexOf(kept.action)).toBeGreaterThanOrEqual(order.indexOf(kind));
        expect(needsOneKey([one])).toBe(false);
      }),
    );
  });
});
