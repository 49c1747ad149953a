// Owns what a Redis directory does when another program gave another type to a key without records: change stream, notes,
// lease, locks, fences and journal. The next use replaces the key, without an operator with redis-cli.
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PARTITIONS, RedisKeys, partitionOfDevice } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { FencedError } from '../../src/directory/lease.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import { KEEP_ALL, change, event } from '../journal/entries.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { BY_TEST, alice, decision, deviceReport, phone } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

const keys = new RedisKeys('easgate:');
const CHANGES = keys.changes(partitionOfDevice(phone));
const onPhone = { device: phone, user: null };

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));
let store: RedisStore;
beforeEach(async () => {
  await redis.clear();
  store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
  onTestFinished(() => store.close());
});

describe('a change log that another program overwrote', () => {
  it('is replaced when a process reads it, and everything is read again', async () => {
    await store.decide(onPhone, decision('block'), BY_TEST);
    const position = await store.position();
    await client.set(CHANGES, 'text');
    const batch = await store.changesAfter(position);
    expect(batch.trimmed).toBe(true);
    expect((await store.lookup(alice, phone)).deviceDecision?.action).toBe('block');
    await store.decide(onPhone, decision('quarantine'), BY_TEST);
    expect((await store.changesAfter(batch.position)).changes).toEqual([{ device: phone, user: null }]);
  });

  it('is replaced by a decision, if no process reads it', async () => {
    await client.set(CHANGES, 'text');
    await store.decide(onPhone, decision('block'), BY_TEST);
    expect(await client.xlen(CHANGES)).toBe(1);
  });
});

describe('a key that another program overwrote', () => {
  it('does not keep a decision from being replaced, if it had the notes of changes', async () => {
    await client.hset(keys.notes, 'a', 'b');
    expect(await store.replaceDecision(onPhone, null, decision('block'), BY_TEST)).not.toBeNull();
    expect(await client.xlen(keys.notes)).toBe(1);
  });

  it('does not keep a leader from leading, if it had the lease, the count of leaders or a fence', async () => {
    for (const key of [keys.lease, keys.leaseCount, ...PARTITIONS.map((partition) => keys.fence(partition))])
      await client.rpush(key, 'text');
    const lease = await store.leases.take('token', 'holder', 10_000);
    expect(lease?.fence).toBe(1);
    await store.putDevices([deviceReport(phone)], lease?.fence);
    expect((await store.getDevice(phone))?.record?.managed).toBe(true);
    await store.leases.release('token');
    expect(await store.leases.leader()).toBeNull();
  });

  it('with a fence does not keep the leader out that raised it', async () => {
    const lease = await store.leases.take('token', 'holder', 10_000);
    const fence = keys.fence(partitionOfDevice(phone));
    for (const overwrite of [() => client.set(fence, 'text'), () => client.lpush(fence, 'text')]) {
      await client.del(fence);
      await overwrite();
      await expect(store.putDevices([deviceReport(phone)], lease?.fence)).rejects.toBeInstanceOf(FencedError);
      // The next time that it says that it leads.
      expect(await store.leases.take('token', 'holder', 10_000)).toEqual(lease);
      await store.putDevices([deviceReport(phone)], lease?.fence);
      expect(await client.get(fence)).toBe(String(lease?.fence));
    }
  });

  it('with the audit loses no entry that another gateway has written since', async () => {
    const open = (): RedisJournal => {
      const one = new RedisJournal(
        { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
        KEEP_ALL,
      );
      onTestFinished(() => one.close());
      return one;
    };
    const [slow, fast] = [open(), open()];
    await Promise.all([slow.end('audit'), fast.end('audit')]);
    await client.set('easgate:audit', 'text');
    // The other one is faster: it mends the key and writes between the first answer to this one and what this one does then.
    const send: unknown = Reflect.get(Redis.prototype, 'sendCommand');
    if (typeof send !== 'function') throw new Error('ioredis sends commands otherwise by now');
    let isTold = false;
    let written: Promise<void> | null = null;
    const spy = vi.spyOn(Redis.prototype, 'sendCommand').mockImplementation(function (
      this: Redis,
      ...values
    ): unknown {
      const [{ name }] = values;
      if (name === 'xadd') isTold = true;
      if (!isTold || name === 'xadd' || name === 'xtrim' || written !== null)
        return Reflect.apply(send, this, values);
      written = fast.appendAudit(change({ at: 2 }));
      return written.then((): unknown => Reflect.apply(send, this, values));
    });
    onTestFinished(() => spy.mockRestore());
    await slow.appendAudit(change({ at: 1 }));
    expect(await client.xlen('easgate:audit')).toBe(2);
  });

  it('does not keep entries out, if it had the journal or the audit', async () => {
    const journal = new RedisJournal(
      { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
      KEEP_ALL,
    );
    onTestFinished(() => journal.close());
    await journal.end('audit');
    await client.set('easgate:journal', 'text');
    await journal.append([event({ at: 1 })]);
    expect(await client.xlen('easgate:journal')).toBe(1);
  });
});

describe('a count of leaders that was lost', () => {
  it('continues above the fences that earlier leaders raised', async () => {
    await client.set(keys.fence(3), '57');
    const lease = await store.leases.take('token', 'holder', 10_000);
    expect(lease?.fence).toBe(58);
    const devices = Array.from({ length: 40 }, (_, index) => deviceReport(`phone${index}` as DeviceKey));
    await store.putDevices(devices, lease?.fence);
    expect(await store.leases.take('token', 'holder', 10_000)).toEqual({ fence: 58 });
    expect(await client.get(keys.leaseCount)).toBe('58');
  });
});
