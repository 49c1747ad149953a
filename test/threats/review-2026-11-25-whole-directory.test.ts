// Owns the promise that the holes found in the directory by the review of the whole, of 25 November 2026, stay closed.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { UserRecord } from '../../src/model/user.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { alice, decision, deviceRecord } from '../directory/store-contract.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { eventually } from '../support/checks/until.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';

checkLeaksAtEnd();

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.kill());

const CHANGES = 'easgate:changes';
const open = (): Promise<RedisStore> =>
  RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });

describe('a change of the Redis directory', () => {
  it('that is written between a read that found none and the look at the end of the log is not passed over', async () => {
    const [store, writer] = await Promise.all([open(), open()]);
    await writer.decide(null, 'earlier' as DeviceKey, decision('block'));
    const place = await store.position();
    const position = store.position.bind(store);
    store.position = async () => {
      await writer.decide(null, 'stolen' as DeviceKey, decision('block'));
      return position();
    };
    const first = await store.changesAfter(place);
    store.position = position;
    const second = await store.changesAfter(first.position);
    const told = [...first.changes, ...second.changes].map(({ device }) => device);
    expect([first.trimmed || second.trimmed, told]).toEqual([false, ['stolen']]);
    await Promise.all([store.close(), writer.close()]);
  });

  it('of a server that took over, with a clock behind the one before, makes all be read anew', async () => {
    const store = await open();
    const client = new Redis(redis.url);
    await client.del(CHANGES);
    await client.xadd(CHANGES, '1000-0', 'd', 'first', 'u', '');
    await client.xadd(CHANGES, '5000-0', 'd', 'lost', 'u', '');
    const place = await store.position();
    // The entry at our place never reached the server that took over; its clock is behind.
    await client.del(CHANGES);
    for (const [id, device] of [
      ['1000-0', 'first'],
      ['4000-0', 'stolen'],
      ['6000-0', 'other'],
    ] as const)
      await client.xadd(CHANGES, id, 'd', device, 'u', '');
    const batch = await store.changesAfter(place);
    expect(batch.trimmed || batch.changes.some(({ device }) => device === 'stolen')).toBe(true);
    client.disconnect();
    await store.close();
  });
});

describe('a name of a user', () => {
  it('that went to another user stays there when the one before is written anew', async () => {
    const redisStore = await open();
    const embedded = new EmbeddedStore(':memory:');
    const phone = 'phone1' as DeviceKey;
    const name = 'asmith' as UserKey;
    const user = (key: string, aliases: UserKey[]): UserRecord => ({
      key: key as UserKey,
      aliases,
      groups: [],
    });
    for (const store of [embedded, redisStore]) {
      await store.putUser(user('anna.smith', [name]));
      await store.putUser(user('adam.smith', [name]));
      await store.putUser(user('anna.smith', []));
      await store.decide('adam.smith' as UserKey, phone, decision('block'));
      const found = await store.lookup(name, phone);
      expect([store.kind, found.user, found.partnershipDecision?.action]).toEqual([
        store.kind,
        'adam.smith',
        'block',
      ]);
      await store.close();
    }
  });
});

/** A way to Redis on which connections can fall silent, as when a host or a node of a balancer is gone without a word. */
async function startSilencer(
  port: number,
): Promise<{ port: number; silence(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.resume();
      }
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

describe('connections to Redis that fall silent', () => {
  it('are given up: look-ups and changes come over new ones', async () => {
    const silencer = await startSilencer(redis.port);
    const url = `redis://127.0.0.1:${silencer.port}/0`;
    const store = await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 2_000 });
    const place = await store.position();
    const writer = await open();
    silencer.silence();
    await writer.decide(null, 'stolen' as DeviceKey, decision('block'));
    const answered = <T>(ask: () => Promise<T>, what: string): Promise<T | null> =>
      eventually(
        () => ask().catch(() => null),
        (answer) => answer !== null,
        what,
      ).catch(() => null);
    const [told, found] = await Promise.all([
      answered(() => store.changesAfter(place), 'the changes'),
      answered(() => store.lookup(alice, 'stolen' as DeviceKey), 'a look-up'),
    ]);
    await Promise.all([store.close(), writer.close(), silencer.close()]);
    expect(told?.changes).toEqual([{ device: 'stolen', user: null }]);
    expect(found?.deviceDecision?.action).toBe('block');
  });
});

describe('strangers who name the device of somebody else', () => {
  const phone = 'phone1' as DeviceKey;

  it.each([
    ['that no feed knows', null],
    ['that a feed knows', deviceRecord(phone)],
  ])(
    'do not take the verdict away that lets it pass while the directory is away: one %s',
    async (_what, known) => {
      const store = new EmbeddedStore(':memory:');
      if (known !== null) await store.putDevice(known);
      await store.decide(alice, phone, decision('allow'));
      const record = {
        deviceType: 'x',
        userAgent: null,
        protocolVersion: null,
        model: null,
        os: null,
        imei: null,
        spellings: [phone],
      };
      const seen = { firstSeen: 1, lastSeen: 1, lastVerdict: 'allow', lastReason: 'individualRule' };
      await store.recordSeen([{ user: alice, device: phone, ...record, ...seen }]);
      const clock = { now: Date.now() };
      const bounds = {
        maxEntries: 10,
        maxUnknownEntries: 10,
        maxConcurrentLookups: 9,
        lookupTimeoutMs: 30_000,
      };
      const times = {
        lifetimeMs: 60_000,
        unknownLifetimeMs: 10_000,
        staleAllowedMs: 900_000,
        staleBlockedMs: 900_000,
      };
      const cache = new VerdictCache(
        store,
        compileSimplePolicy({}),
        { ...bounds, ...times, onLookupError: () => undefined },
        () => clock.now,
      );
      expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
      for (let stranger = 0; stranger < 20; stranger++)
        await cache.decide(`nobody${stranger}` as UserKey, phone);
      await store.close();
      clock.now += 120_000;
      expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    },
  );
});

describe('a user who makes up devices', () => {
  it('does not fill the directory with them, and others are written down', async () => {
    const store = new EmbeddedStore(':memory:');
    const clock = { now: 1_800_000_000_000 };
    const recorder = new PartnershipRecorder(store, () => clock.now);
    const allowed = { action: 'allow', reason: 'compliant', rule: 'test', validUntil: Infinity } as const;
    const seen = (user: string, device: string): void =>
      recorder.seen({
        user: user as UserKey,
        device: device as DeviceKey,
        spelling: device,
        deviceType: 'Test',
        userAgent: null,
        protocolVersion: '14.1',
        verdict: allowed,
        information: null,
      });
    for (let device = 0; device < 5_000; device++) seen('mallory', `made${device}`);
    seen('alice', 'phone1');
    await recorder.flush();
    const users = (await store.listPartnerships()).map(({ record }) => record.user);
    const made = users.filter((user) => user === 'mallory').length;
    // An hour later he may have another one.
    clock.now += 3_600_001;
    seen('mallory', 'phone2');
    await recorder.flush();
    const later = (await store.listPartnerships()).map(({ record }) => record.device);
    await recorder.close();
    await store.close();
    expect([made <= 200, users.includes(alice), later.includes('phone2' as DeviceKey)]).toEqual([
      true,
      true,
      true,
    ]);
  });
});
