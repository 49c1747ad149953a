// Threat: a block is written and the gateway never hears of it, or it falls on another user: the Redis log has a gap, Redis is
// replaced, its connections fall silent, or a name moves between users.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ChangeFollower } from '../../src/directory/change-follower.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { UserObservation } from '../../src/model/user.ts';
import { ChangeLog } from '../../src/directory/redis/change-log.ts';
import { readIdentity, replaceIdentity } from '../../src/directory/redis/redis-identity.ts';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { Change } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { eventually } from '../support/checks/until.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { BY_TEST, alice, decision, userReport } from '../support/servers/directory-records.ts';

checkLeaksAtEnd();

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.kill());

const CHANGES = new RedisKeys('easgate:').changes(0);
const open = (): Promise<RedisStore> =>
  RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });

describe('a change of the Redis directory', () => {
  it('that is written between an empty read and the read of the end of the log is not lost', async () => {
    const writer = await open();
    const [client, reader] = [new Redis(redis.url), new Redis(redis.url)];
    await writer.decide({ user: null, device: 'earlier' as DeviceKey }, decision('block'), BY_TEST);
    const place = await writer.position();
    let isWritten = false;
    const late = new Proxy(reader, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'evalsha' || typeof value !== 'function') return value;
        return async (...values: unknown[]) => {
          if (!isWritten) {
            isWritten = true;
            const subject = { user: null, device: 'stolen' as DeviceKey };
            await writer.decide(subject, decision('block'), BY_TEST);
          }
          return Reflect.apply(value, target, values) as unknown;
        };
      },
    });
    const log = new ChangeLog(client, late, new RedisKeys('easgate:'));
    const first = await log.changesAfter(place);
    const second = await log.changesAfter(first.position);
    const told = [...first.changes, ...second.changes].map(({ device }) => device);
    expect([isWritten, first.trimmed || second.trimmed, told]).toEqual([true, false, ['stolen']]);
    for (const connection of [client, reader]) connection.disconnect();
    await writer.close();
  });

  it('of a server that took over, with its clock behind, has everything read again', async () => {
    const store = await open();
    const client = new Redis(redis.url);
    await client.del(CHANGES);
    await client.xadd(CHANGES, '1000-0', 'd', 'first');
    await client.xadd(CHANGES, '5000-0', 'd', 'lost');
    const place = await store.position();
    // The last entry that the gateway read never reached the server that took over, and that server's clock is behind.
    await client.del(CHANGES);
    for (const [id, device] of [
      ['1000-0', 'first'],
      ['4000-0', 'stolen'],
      ['6000-0', 'other'],
    ] as const)
      await client.xadd(CHANGES, id, 'd', device);
    const batch = await store.changesAfter(place);
    expect(batch.trimmed || batch.changes.some(({ device }) => device === 'stolen')).toBe(true);
    client.disconnect();
    await store.close();
  });
});

describe('another directory in place of the one in use', () => {
  it('has everything read again, also where Redis fails while that is found out', async () => {
    const store = await open();
    const client = new Redis(redis.url);
    const place = await store.position();
    const keys = new RedisKeys('easgate:');
    const { text, identity } = await readIdentity(client, keys);
    if (identity === null) throw new Error('there is no directory');
    expect(await replaceIdentity(client, keys, text, { ...identity, epoch: identity.epoch + 1 })).toBe(true);
    const failing = vi.spyOn(store, 'position').mockRejectedValueOnce(new Error('Connection is closed.'));
    await store.lookup(alice, 'stolen' as DeviceKey);
    const batch = await eventually(
      () => store.changesAfter(place).catch(() => null),
      (one) => one !== null,
      'the change log',
    );
    expect([failing.mock.calls.length, batch?.trimmed]).toEqual([2, true]);
    client.disconnect();
    await store.close();
  });
});

describe('a name of a user', () => {
  it('that moved to another user stays there when the user before is written again', async () => {
    const redisStore = await open();
    const embedded = new EmbeddedStore(':memory:');
    const phone = 'phone1' as DeviceKey;
    const name = 'asmith' as UserKey;
    const user = (key: string, aliases: UserKey[]): UserObservation =>
      userReport(key as UserKey, { aliases, groups: [] });
    for (const store of [embedded, redisStore]) {
      await store.putUsers([user('anna.smith', [name])]);
      await store.putUsers([user('adam.smith', [name])]);
      await store.putUsers([user('anna.smith', [])]);
      await store.decide({ user: 'adam.smith' as UserKey, device: phone }, decision('block'), BY_TEST);
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

/**
 * A proxy to Redis whose connections can fall silent, as when a host is gone or a balancer drops them: all, or those that do not wait for
 * changes.
 */
async function startSilencer(port: number): Promise<{
  port: number;
  waiting(): boolean;
  silence(butWaiting?: boolean): void;
  close(): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  const waiting = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    from.on('data', (data) => {
      if (data.toString('latin1').includes('xread')) for (const socket of [from, to]) waiting.add(socket);
    });
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
    waiting: () => waiting.size > 0,
    silence: (butWaiting = false) => {
      for (const socket of sockets) {
        if (butWaiting && waiting.has(socket)) continue;
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
  it('are replaced: look-ups and changes use new ones', async () => {
    const silencer = await startSilencer(redis.port);
    const url = `redis://127.0.0.1:${silencer.port}/0`;
    const store = await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 2_000 });
    const place = await store.position();
    const writer = await open();
    silencer.silence();
    await writer.decide({ user: null, device: 'stolen' as DeviceKey }, decision('block'), BY_TEST);
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

  it('do not hold a change back, if the connection that reads the change log still answers', async () => {
    const silencer = await startSilencer(redis.port);
    const url = `redis://127.0.0.1:${silencer.port}/0`;
    const store = await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 1_000 });
    const writer = await open();
    /** A wait ends after a while: then the next one begins. */
    const firstChanges = async (): Promise<readonly Change[]> => {
      for (let at = await store.position(); ;) {
        const { changes, position } = await store.changesAfter(at);
        if (changes.length > 0) return changes;
        at = position;
      }
    };
    const reading = firstChanges().catch(() => null);
    await eventually(async () => silencer.waiting(), Boolean, 'the wait for changes');
    silencer.silence(true);
    await writer.decide({ user: null, device: 'stolen' as DeviceKey }, decision('block'), BY_TEST);
    const told = await reading;
    await Promise.all([store.close(), writer.close(), silencer.close()]);
    expect(told).toEqual([{ device: 'stolen', user: null }]);
  });

  it('count as a directory that is away, if only that connection answers; its changes are applied', async () => {
    const silencer = await startSilencer(redis.port);
    const url = `redis://127.0.0.1:${silencer.port}/0`;
    const store = await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 1_000 }, NO_GROUPS, {
      ...UNGUARDED,
      serves: true,
    });
    const writer = await open();
    const told: (string | null)[] = [];
    let isAway = false;
    const follower = new ChangeFollower(
      store,
      ({ changes }) => told.push(...changes.map(({ device }) => device)),
      (error) => (isAway = error !== null),
    );
    await follower.start();
    await eventually(async () => silencer.waiting(), Boolean, 'the wait for changes');
    silencer.silence(true);
    await eventually(async () => isAway, Boolean, 'the silence to be noticed');
    await writer.decide({ user: null, device: 'stolen' as DeviceKey }, decision('block'), BY_TEST);
    await eventually(async () => told.includes('stolen'), Boolean, 'the change');
    await follower.stop();
    await Promise.all([store.close(), writer.close(), silencer.close()]);
    await follower.ended();
  });
});
