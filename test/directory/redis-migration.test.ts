// Owns the promises of `easgate store migrate` for Redis: records of the layout with one key for each record, on a real server.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisKeeper } from '../../src/directory/redis/redis-keeper.ts';
import { PARTITIONS, RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { RedisMigration } from '../../src/directory/redis/redis-migration.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { STORE_SCHEMA } from '../../src/directory/store-identity.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

const TEXT = 'appl1' as DeviceKey;
const HEX = '6170706c31';
const alice = 'alice' as UserKey;
const IDENTITY = { version: 1, id: '0123456789abcdef', epoch: 4, replaces: [] };

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis([], false);
  client = new Redis(redis.url);
});
beforeEach(async () => {
  await client.flushall();
  await client.mset('easgate:schema', JSON.stringify(IDENTITY), 'easgate:beat', '5000 1764000000000');
});
afterAll(async () => {
  client.disconnect();
  await redis.kill();
});

const options = () => ({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
const encoded = (name: string): string => Buffer.from(name).toString('base64url');
const noWait = async (): Promise<void> => undefined;
const migrate = () => new RedisMigration(client, new RedisKeys('easgate:')).run(noWait);

/** Writes texts, or objects as JSON, under names without the prefix. */
async function write(records: Readonly<Record<string, object | string>>): Promise<void> {
  for (const [name, record] of Object.entries(records))
    await client.set(`easgate:${name}`, typeof record === 'string' ? record : JSON.stringify(record));
}

const report = (observedAt: number, more: object = {}) => ({
  managed: true,
  compliant: true,
  model: null,
  os: null,
  source: 'mdm',
  version: observedAt,
  observedAt,
  stateSince: observedAt,
  ...more,
});
const decided = (action: string, more: object = {}) => ({
  action,
  owner: 'admin',
  reason: null,
  decidedAt: 5,
  expiresAt: null,
  ...more,
});
const seen = (firstSeen: number, lastSeen: number, more: object = {}) => ({
  firstSeen,
  lastSeen,
  deviceType: 'iPhone',
  userAgent: null,
  protocolVersion: '16.1',
  lastVerdict: 'allow',
  lastReason: 'compliant',
  ...more,
});

async function opened<T>(work: (store: RedisStore) => Promise<T>): Promise<T> {
  const store = await RedisStore.open(options());
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

describe('a directory whose records are JSON', () => {
  const JSON_STORE = JSON.stringify({ ...IDENTITY, version: 2 });
  const keys = new RedisKeys('easgate:');
  const device = keys.device(TEXT);
  const users = keys.users('alice');
  const REPORT = '[10,0,true,false,null,null,"ios","17.4",null,"Alice",9]';
  const SEEN = '[3,9,"iPhone",null,"16.1","allow","compliant",null,null,null,["APPL1","6170706c31"],9]';

  beforeEach(async () => {
    await client.mset('easgate:schema', JSON_STORE);
    await client.mset(PARTITIONS.flatMap((partition) => [keys.schemaCopy(partition), JSON_STORE]));
    await client.hset(
      device,
      'r:mdm',
      REPORT,
      'r:broken',
      '[1,2,"yes"]',
      'm',
      '[{"action":"block"}]',
      'p:alice',
      SEEN,
    );
    await client.hset(device, 'x:later', '[1]');
    await client.hset(users, 'r:ad:~', '[10,0,["east\\\\alice"],["staff"],true]', 'd:~', '[["appl1",3,9]]');
  });

  it('gets lines for records, and keeps decisions and what is not understood', async () => {
    expect(await migrate()).toMatchObject({
      kind: 'migrated',
      records: { devices: 1, users: 1 },
      identity: { schema: STORE_SCHEMA, epoch: 5 },
    });
    expect(await client.hgetall(device)).toEqual({
      'r:mdm': '|a||1|0|||i|17.4||Alice|9',
      'r:broken': '[1,2,"yes"]',
      m: '[{"action":"block"}]',
      'p:alice': '|3|9|iPhone||16.1|a|c||||~,6170706c31|=',
      'x:later': '[1]',
    });
    expect(await client.hgetall(users)).toEqual({
      'r:ad:~': '|a||east\\~|staff|1',
      'd:~': '|appl1,3,9',
    });
    expect(await migrate()).toEqual({ kind: 'done' });
  });

  it('says the same before and after', async () => {
    const read = async () => (await opened((store) => store.lookup(alice, TEXT))) as object;
    await migrate();
    const after = await read();
    await client.hset(device, 'r:mdm', REPORT, 'p:alice', SEEN);
    await client.hset(users, 'r:ad:~', '[10,0,["east\\\\alice"],["staff"],true]', 'd:~', '[["appl1",3,9]]');
    expect(await read()).toEqual(after);
    expect(after).toMatchObject({
      partnership: { spellings: ['APPL1', HEX] },
      userRecord: { groups: ['staff'] },
    });
  });

  it('is not touched while a gateway runs', async () => {
    const beat = new RedisMigration(client, keys).run(async () =>
      client.set('easgate:beat', '6000 1764000000000'),
    );
    expect(await beat).toEqual({ kind: 'inUse' });
    expect(await client.hget(device, 'r:mdm')).toBe(REPORT);
  });
});

describe('a directory of the earlier layout', () => {
  it('is refused by a gateway: the error names the command', async () => {
    await expect(RedisStore.open(options())).rejects.toMatchObject({
      code: 'EASGATE_STORE_SCHEMA',
      message: expect.stringContaining('easgate store migrate') as string,
    });
  });

  it('keeps reports, decisions, partnerships, users and aliases', async () => {
    await write({
      [`device:${TEXT}`]: report(10, { compliant: false, stateSince: 7, os: 'iOS 17' }),
      [`decision:${TEXT}:`]: decided('block'),
      [`decision:${TEXT}:${encoded(alice)}`]: decided('quarantine'),
      [`partnership:${encoded(alice)}:${TEXT}`]: seen(3, 9, { spellings: [HEX] }),
      [`user:${encoded(alice)}`]: {
        aliases: ['EAST\\alice', 'a.b@x.test'],
        groups: ['staff'],
        encodedAliases: ['x'],
      },
      [`alias:${encoded('a.b@x.test')}`]: encoded(alice),
      'index:devices': 'gone',
    });
    expect(await migrate()).toMatchObject({
      kind: 'migrated',
      records: { device: 1, decision: 2, partnership: 1, user: 1, alias: 1 },
      identity: { id: IDENTITY.id, epoch: 5 },
    });
    await opened(async (store) => {
      expect(await store.lookup('a.b@x.test' as UserKey, TEXT)).toMatchObject({
        user: alice,
        userRecord: { groups: ['staff'] },
        device: { compliant: false, compliantUnmetSince: 7, reportedSince: 7, os: 'iOS 17', source: 'mdm' },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 3, lastAllowed: 9, spellings: [HEX] },
        userDevices: [{ device: TEXT, firstSeen: 3, lastAllowed: 9 }],
      });
    });
    const left = (await client.keys('*')).filter((name) => !name.includes('{'));
    expect(left.sort()).toEqual(['easgate:beat', 'easgate:schema']);
  });

  it('keeps of several spellings of one id the strictest decision, the latest report and the first sight', async () => {
    await write({
      [`device:${TEXT}`]: report(20, { model: 'iPhone' }),
      [`device:${HEX}`]: report(30, { compliant: false }),
      [`decision:${TEXT}:`]: decided('allow'),
      [`decision:${HEX}:`]: decided('block'),
      [`decision:${TEXT}:${encoded(alice)}`]: decided('quarantine'),
      [`decision:${HEX}:${encoded(alice)}`]: decided('block', { expiresAt: 1 }),
      [`partnership:${encoded(alice)}:${TEXT}`]: seen(5, 50, { model: 'new' }),
      [`partnership:${encoded(alice)}:${HEX}`]: seen(3, 40, { os: 'old' }),
    });
    await migrate();
    await opened(async (store) => {
      expect(await store.lookup(alice, TEXT)).toMatchObject({
        device: { compliant: false, model: 'iPhone' },
        deviceDecision: { action: 'block' },
        partnershipDecision: { action: 'quarantine' },
        partnership: { firstSeen: 3, lastSeen: 50, model: 'new', os: 'old', spellings: [HEX, TEXT] },
      });
    });
  });

  it('suspends its wipes, and names the partnerships that were known before an order that names none', async () => {
    const wipe = { requestedAt: 10, state: 'pending', acknowledgedAt: null, deviceStatus: null };
    await write({
      [`decision:${HEX}:`]: decided('wipe', { wipe }),
      [`partnership:${encoded(alice)}:${HEX}`]: seen(3, 9),
      [`partnership:${encoded('late')}:${HEX}`]: seen(11, 12),
    });
    await migrate();
    const found = await opened((store) => store.lookup(alice, TEXT));
    expect(found.deviceDecision).toMatchObject({
      wipe: { suspended: true, partnerships: [{ user: alice, spellings: [HEX], toldAt: null }] },
    });
  });

  it('keeps records that are not understood: requests of these devices are denied, no others', async () => {
    await write({
      [`device:${TEXT}`]: 'nonsense',
      'decision:other:': 'nonsense',
      'device:fine': report(5),
    });
    await client.sadd('easgate:decision:third:', 'a set');
    await migrate();
    await opened(async (store) => {
      for (const device of [TEXT, 'other', 'third'])
        expect((await store.lookup(alice, device as DeviceKey)).unreadable).toHaveLength(1);
      expect((await store.lookup(alice, 'fine' as DeviceKey)).unreadable).toBeUndefined();
    });
  });

  it('is continued by the next run, wherever a run was interrupted', async () => {
    const records = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`device:d${index}`, report(index + 1)]),
    );
    await write({ ...records, 'decision:d7:': decided('block') });
    for (const commands of [5, 40, 60]) {
      // Every command behind this number fails.
      let left = commands;
      const failing = new Proxy(client, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          if (left-- <= 0) throw new Error('interrupted');
          return value.bind(target) as unknown;
        },
      });
      await new RedisMigration(failing, new RedisKeys('easgate:')).run(noWait).catch(() => undefined);
    }
    await migrate();
    await opened(async (store) => {
      expect((await store.lookup(alice, 'd7' as DeviceKey)).deviceDecision?.action).toBe('block');
      let count = 0;
      for await (const entries of store.scanDevices()) count += entries.length;
      expect(count).toBe(40);
    });
  });

  it('is left alone while a gateway of the earlier version beats', async () => {
    const migration = new RedisMigration(client, new RedisKeys('easgate:'));
    await write({ [`device:${TEXT}`]: report(10) });
    const result = await migration.run(
      async () => void (await client.set('easgate:beat', '6000 1764000001000')),
    );
    expect(result).toEqual({ kind: 'inUse' });
    expect(await client.exists(`easgate:device:${TEXT}`)).toBe(1);
  });
});

describe('a directory of this layout', () => {
  it('has nothing to bring over', async () => {
    await migrate();
    const keeper = await RedisKeeper.open(options());
    expect(await keeper.migrate()).toEqual({ kind: 'done' });
    expect(await keeper.read()).toMatchObject({ id: IDENTITY.id, epoch: 5, schema: STORE_SCHEMA });
    await keeper.close();
  });
});
