// Threat: a block is written and the gateway never hears of it, or it falls on another user: the Redis log has a gap, Redis is
// replaced, its connections fall silent, or a name moves between users.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { UserRecord } from '../../src/model/user.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { alice, decision } from '../directory/store-contract.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { eventually } from '../support/checks/until.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

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
  it('that is written between an empty read and the read of the end of the log is not lost', async () => {
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

  it('of a server that took over, with its clock behind, has everything read again', async () => {
    const store = await open();
    const client = new Redis(redis.url);
    await client.del(CHANGES);
    await client.xadd(CHANGES, '1000-0', 'd', 'first', 'u', '');
    await client.xadd(CHANGES, '5000-0', 'd', 'lost', 'u', '');
    const place = await store.position();
    // The last entry that the gateway read never reached the server that took over, and that server's clock is behind.
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
  it('that moved to another user stays there when the user before is written again', async () => {
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

/** A proxy to Redis whose connections can fall silent, as when a host is gone or a balancer drops them. */
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
  it('are replaced: look-ups and changes use new ones', async () => {
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
