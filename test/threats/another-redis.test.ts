// Owns the threat of a Redis that comes back as another store: empty, restored from an old dump, replaced, or a replica whose
// link is down. Its silence about a device is no news, and its old decisions are none.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisKeeper } from '../../src/directory/redis/redis-keeper.ts';
import { PARTITIONS, RedisKeys, partitionOfDevice } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { STORE_SCHEMA, acceptedIdentity, newIdentity } from '../../src/directory/store-identity.ts';
import { readMemory } from '../../src/directory/store-memory.ts';
import type { StoreMemory } from '../../src/directory/store-memory.ts';
import { BY_TEST, alice, decision, phone, wipeDecision } from '../support/servers/directory-records.ts';
import { openGuarded } from '../support/servers/guarded-store.ts';
import type { GuardedGateway } from '../support/servers/guarded-store.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { initDirectory, startRedis, writeIdentity } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const reach = ({ url }: TestRedis) => ({ url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });

let folder: string;
let memory: StoreMemory;
let redis: TestRedis;
let client: Redis;
let gateway: GuardedGateway;

const start = (more: { maxRollbackMs?: number; lifetimeMs?: number } = {}): Promise<GuardedGateway> =>
  openGuarded({ kind: 'redis', ...reach(redis) }, { memory, ...more });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-redis-'));
  memory = { path: join(folder, 'store.json'), name: 'store' };
  redis = await startRedis(['--dir', folder, '--dbfilename', 'dump.rdb']);
  client = new Redis(redis.url);
  client.on('error', () => undefined);
  gateway = await start();
  // What is asked later is not dropped for this change any more.
  let applied = false;
  gateway.verdicts.onChange(({ devices }) => (applied ||= devices.has(phone)));
  await gateway.store.decide({ device: phone, user: null }, decision('block'), BY_TEST);
  await until(() => applied, 'the gateway to apply the change');
});
afterEach(async () => {
  await gateway.close();
  client.disconnect();
  await redis.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function beat(): Promise<number> {
  return Number((await client.get('easgate:beat'))?.split(' ')[0] ?? 0);
}

async function beats(ms: number): Promise<void> {
  const before = await beat();
  await until(async () => (await beat()) >= before + ms, 'beats');
}

/** What `easgate store accept` does on this machine. */
async function accept(): Promise<void> {
  const keeper = await RedisKeeper.open(reach(redis));
  const found = await keeper.read();
  expect(await keeper.replace(found, acceptedIdentity(readMemory(memory), found))).toBe(true);
  await keeper.close();
}

describe('a Redis that lost everything', () => {
  it.each([
    ['by FLUSHALL', async () => void (await client.flushall())],
    [
      'by a restart without persistence',
      async () => {
        await redis.kill();
        await redis.restart();
      },
    ],
  ])(
    '%s lets nobody in: a blocked phone stays blocked, an unknown one gets no verdict',
    async (_how, lose) => {
      expect((await gateway.ask(phone)).verdict?.action).toBe('block');
      await lose();
      await until(() => gateway.codes().includes('EASGATE_STORE_MISSING'), 'the log to say so');
      expect(await gateway.ask(phone)).toMatchObject({ source: 'stale', verdict: { action: 'block' } });
      expect(await gateway.ask('stranger')).toEqual({ source: 'none', verdict: null });
      await expect(gateway.store.decide({ device: phone, user: null }, null, BY_TEST)).rejects.toMatchObject({
        code: 'EASGATE_STORE_MISSING',
      });
      // Nothing was written to it: it is no directory.
      expect(await client.dbsize()).toBe(0);
    },
  );

  it('answers no look-up that comes between the loss and the next look', async () => {
    await client.flushall();
    expect((await gateway.ask('stranger')).verdict).toBeNull();
    expect((await gateway.ask(phone)).verdict?.action).not.toBe('allow');
  });

  it('drops nothing from memory', async () => {
    await gateway.close();
    gateway = await start({ lifetimeMs: 600_000 });
    await gateway.ask(phone);
    let dropped = false;
    gateway.verdicts.onChange(({ all }) => (dropped ||= all));
    await client.flushall();
    await until(() => gateway.codes().length > 0, 'the log to say so');
    await expect(gateway.store.changesAfter('3:9000000000000-0')).rejects.toMatchObject({
      code: 'EASGATE_STORE_MISSING',
    });
    expect([dropped, gateway.verdicts.peek(alice, phone)?.action]).toEqual([false, 'block']);
  });

  it('serves again when an operator accepts it, and all is read anew', async () => {
    await gateway.ask(phone);
    await client.flushall();
    await gateway.untilServed(phone, false);
    let dropped = false;
    gateway.verdicts.onChange(({ all }) => (dropped ||= all));
    await accept();
    await gateway.untilServed(phone, true);
    await until(() => dropped, 'everything to be read anew');
    expect((await gateway.ask(phone)).verdict?.action).toBe('allow');
    expect(gateway.codes()).toEqual([
      'EASGATE_STORE_MISSING',
      'EASGATE_STORE_EPOCH_RAISED',
      'EASGATE_STORE_BACK',
    ]);
  });

  it('is refused by a gateway that starts, and by commands', async () => {
    await gateway.close();
    await client.flushall();
    await expect(start()).rejects.toMatchObject({ code: 'EASGATE_STORE_MISSING' });
  });
});

describe('a Redis without a directory', () => {
  it('is not made one by a gateway that knows none: the error says how', async () => {
    await client.flushall();
    await expect(RedisStore.open(reach(redis))).rejects.toMatchObject({
      code: 'EASGATE_STORE_UNINITIALISED',
      message: expect.stringContaining('easgate store init') as string,
    });
    expect(await client.dbsize()).toBe(0);
    await initDirectory(redis.url);
    await (await RedisStore.open(reach(redis))).close();
  });
});

describe('a Redis that is another store', () => {
  it('is an outage, and the log says which', async () => {
    await gateway.ask(phone);
    const { id } = newIdentity();
    await writeIdentity(client, JSON.stringify({ version: STORE_SCHEMA, id, epoch: 9, replaces: [] }));
    await gateway.untilServed(phone, false);
    expect(gateway.codes()).toEqual(['EASGATE_STORE_OTHER']);
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
  });

  it('is taken by every gateway once an operator accepted it on one', async () => {
    await gateway.ask(phone);
    const elsewhere = await openGuarded({ kind: 'redis', ...reach(redis) });
    const { id } = newIdentity();
    await writeIdentity(client, JSON.stringify({ version: STORE_SCHEMA, id, epoch: 1, replaces: [] }));
    await gateway.untilServed(phone, false);
    await elsewhere.untilServed(phone, false);
    await accept();
    await gateway.untilServed(phone, true);
    await elsewhere.untilServed(phone, true);
    await elsewhere.close();
    expect(readMemory(memory)).toMatchObject({ id, epoch: 2 });
  });

  it('of an earlier epoch is an outage', async () => {
    const before = (await client.get('easgate:schema')) ?? '';
    await writeIdentity(client, JSON.stringify({ ...(JSON.parse(before) as object), epoch: 2 }));
    await until(() => gateway.codes().includes('EASGATE_STORE_EPOCH_RAISED'), 'the new epoch');
    await writeIdentity(client, before);
    await gateway.untilServed(phone, false);
    expect(gateway.codes()).toEqual(['EASGATE_STORE_EPOCH_RAISED', 'EASGATE_STORE_EPOCH']);
  });

  it.each(['nonsense', '{"version":2}', '[]'])(
    'of an identity that is not understood (%s) is an outage',
    async (text) => {
      await gateway.ask(phone);
      await writeIdentity(client, text);
      await gateway.untilServed(phone, false);
      expect(gateway.codes()).toEqual(['EASGATE_STORE_MISSING']);
    },
  );

  it('of a schema that is not known is an outage', async () => {
    await writeIdentity(client, JSON.stringify({ version: 9, id: newIdentity().id, epoch: 1 }));
    await gateway.untilServed(phone, false);
    expect(gateway.codes()).toEqual(['EASGATE_STORE_SCHEMA']);
  });
});

describe('a Redis that was restored from an old dump', () => {
  /** Saves, lets time pass with changes, and comes back with what was saved. */
  async function restore(meanwhile: () => Promise<void>): Promise<void> {
    await client.save();
    copyFileSync(join(folder, 'dump.rdb'), join(folder, 'old.rdb'));
    await meanwhile();
    await redis.kill();
    copyFileSync(join(folder, 'old.rdb'), join(folder, 'dump.rdb'));
    await redis.restart();
  }

  it('is an outage when it lost more than allowed: a phone blocked since stays blocked', async () => {
    await gateway.close();
    gateway = await start({ maxRollbackMs: 500 });
    await restore(async () => {
      let applied = false;
      gateway.verdicts.onChange(({ devices }) => (applied ||= devices.has('stolen')));
      await gateway.store.decide(
        { device: 'stolen' as typeof phone, user: null },
        decision('block'),
        BY_TEST,
      );
      await until(() => applied, 'the gateway to apply the change');
      await gateway.ask('stolen');
      await beats(1_000);
    });
    await until(() => gateway.codes().includes('EASGATE_STORE_ROLLED_BACK'), 'the log to say so');
    expect(await gateway.ask('stolen')).toMatchObject({ source: 'stale', verdict: { action: 'block' } });
    expect((await gateway.ask('stranger')).verdict).toBeNull();
    await accept();
    await gateway.untilServed('stolen', true);
    expect((await gateway.ask('stolen')).verdict?.action).toBe('allow');
  });

  it('is an outage for a gateway that starts later, too', async () => {
    await restore(async () => {
      // It may not have read of the last beat yet.
      await beats(2_000);
      // It would accept the restored one, which lost less than it allows.
      await gateway.close();
    });
    await expect(start({ maxRollbackMs: 500 })).rejects.toMatchObject({ code: 'EASGATE_STORE_ROLLED_BACK' });
  });

  it('that lost a little is read anew, and a wipe that was taken back meanwhile is not carried out', async () => {
    await gateway.store.decide({ device: phone, user: null }, wipeDecision(100), BY_TEST);
    expect((await gateway.ask(phone)).verdict?.action).toBe('wipe');
    await restore(async () => {
      await gateway.store.decide({ device: phone, user: null }, null, BY_TEST);
      await beats(1_000);
    });
    await until(() => gateway.codes().includes('EASGATE_STORE_EPOCH_RAISED'), 'the new epoch');
    await gateway.untilServed(phone, true);
    expect(await gateway.ask(phone)).toMatchObject({
      verdict: { action: 'block', reason: 'storeUnavailable' },
    });
    expect((await gateway.verdicts.confirm(alice, phone))?.action).toBe('block');
    expect((await gateway.store.getDevice(phone))?.decided.decision).toMatchObject({
      wipe: { suspended: true },
    });
    await gateway.store.decide({ device: phone, user: null }, wipeDecision(200), BY_TEST);
    expect((await gateway.verdicts.confirm(alice, phone))?.action).toBe('wipe');
  });

  it('is seen by each of several gateways, whichever looks first', async () => {
    const other = await openGuarded({ kind: 'redis', ...reach(redis) });
    await restore(() => beats(2_000));
    const both = [gateway, other];
    await until(
      () => both.every((one) => one.codes().includes('EASGATE_STORE_EPOCH_RAISED')),
      'both to read everything anew',
    );
    await other.close();
    expect(JSON.parse((await client.get('easgate:schema')) ?? '')).toMatchObject({ epoch: 2 });
  });
});

/** Resolves when what a connection says meets the condition. */
async function untilSays(what: string, ask: () => Promise<string>, condition: RegExp): Promise<void> {
  await until(async () => condition.test(await ask()), what);
}

describe('a Redis that took over from a primary with later writes', () => {
  it('is read anew, and carries out no wipe, although its beat went on', async () => {
    await gateway.store.decide({ device: phone, user: null }, wipeDecision(100), BY_TEST);
    let seen = false;
    gateway.verdicts.onChange(({ devices }) => (seen ||= devices.has(phone)));
    // Only the former primary has this entry.
    await gateway.store.decide({ device: phone, user: null }, wipeDecision(200), BY_TEST);
    await until(() => seen, 'the gateway to read the log');
    const stream = new RedisKeys('easgate:').changes(partitionOfDevice(phone));
    const [[last] = ['']] = await client.xrevrange(stream, '+', '-', 'COUNT', 1);
    await client.xdel(stream, last);
    await until(() => gateway.codes().includes('EASGATE_STORE_EPOCH_RAISED'), 'the new epoch');
    await gateway.untilServed(phone, true);
    expect(gateway.codes()).toContain('EASGATE_STORE_SET_BACK');
    expect((await gateway.verdicts.confirm(alice, phone))?.action).toBe('block');
  });

  it('is no other store where entries of the log were only trimmed', async () => {
    await gateway.ask(phone);
    let dropped = false;
    gateway.verdicts.onChange(({ all }) => (dropped ||= all));
    for (const partition of PARTITIONS)
      await client.xtrim(new RedisKeys('easgate:').changes(partition), 'MAXLEN', 0);
    await until(() => dropped, 'everything to be read anew');
    expect(gateway.codes()).toEqual([]);
  });

  it('is an outage when a part of it is gone', async () => {
    await gateway.ask(phone);
    await client.del(new RedisKeys('easgate:').schemaCopy(partitionOfDevice(phone)));
    await gateway.untilServed(phone, false);
    await until(() => gateway.codes().length > 0, 'the log to say so');
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
    await accept();
    await gateway.untilServed(phone, true);
  });
});

describe('a replica', () => {
  let replica: TestRedis;
  let admin: Redis;
  beforeEach(async () => {
    replica = await startRedis(['--replicaof', '127.0.0.1', String(redis.port)], false);
    admin = new Redis(replica.url);
    await untilSays('the link', () => admin.info('replication'), /master_link_status:up/);
  });
  afterEach(async () => {
    admin.disconnect();
    await replica.kill();
  });

  it('whose link to its primary is down is an outage, until the link is up', async () => {
    const reader = await openGuarded({ kind: 'redis', ...reach(replica) });
    expect((await reader.ask(phone)).verdict?.action).toBe('block');
    await gateway.store.decide({ device: 'newly' as typeof phone, user: null }, decision('block'), BY_TEST);
    await reader.untilServed('newly', true);
    await admin.replicaof('127.0.0.1', 1);
    await reader.untilServed(phone, false);
    expect(reader.codes()).toEqual(['EASGATE_STORE_STALE']);
    expect((await reader.ask(phone)).verdict?.action).toBe('block');
    expect((await reader.ask('stranger')).verdict).toBeNull();
    await admin.replicaof('127.0.0.1', redis.port);
    await reader.untilServed(phone, true);
    expect(reader.codes()).toEqual(['EASGATE_STORE_STALE', 'EASGATE_STORE_BACK']);
    await reader.close();
  });

  it('is no longer served when the beat of its primary stands still', async () => {
    const reader = await openGuarded({ kind: 'redis', ...reach(replica) }, { maxRollbackMs: 2_500 });
    await reader.ask(phone);
    // No gateway at the primary: nobody proves that the replica follows it.
    await gateway.close();
    await reader.untilServed(phone, false);
    // On a busy machine several beats were refused by then, or one came late: the log has entries about that, too.
    const others = new Set(['EASGATE_STORE_UNWRITABLE', 'EASGATE_STORE_BACK']);
    const told = () => reader.codes().filter((code) => !others.has(code));
    await until(() => told().at(-1) === 'EASGATE_STORE_STALE', 'the log to say so');
    expect([...new Set(told())]).toEqual(['EASGATE_STORE_STALE']);
    await reader.close();
  });

  it('takes no decision, and says so', async () => {
    const reader = await openGuarded({ kind: 'redis', ...reach(replica) });
    await expect(reader.store.decide({ device: phone, user: null }, null, BY_TEST)).rejects.toMatchObject({
      code: 'EASGATE_STORE_REFUSED',
      message: expect.stringMatching(/nothing was written: .*READONLY/) as string,
    });
    await reader.close();
  });
});

describe('a primary that takes no writes for want of memory', () => {
  it('is still the truth: look-ups are answered', async () => {
    await client.config('SET', 'maxmemory', '1');
    await untilSays('two beats to be refused', () => client.info('errorstats'), /errorstat_OOM:count=[2-9]/);
    expect((await gateway.ask(phone)).source).toBe('store');
    expect(gateway.codes().filter((code) => code !== 'EASGATE_STORE_UNWRITABLE')).toEqual([]);
    await client.config('SET', 'maxmemory', '0');
  });
});
