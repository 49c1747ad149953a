// Owns the threat of connections that lead to different servers, since an address leads elsewhere from some moment on, as when a primary is replaced behind a
// proxy or a name. What a former primary takes is lost, and what it answers is old.
import { Redis } from 'ioredis';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { RedisStoreOptions } from '../../src/directory/redis/redis-connection.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually, until } from '../support/checks/until.ts';
import { alice, decision, deviceReport, phone } from '../support/servers/directory-records.ts';
import { startRedis, writeIdentity } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaks();

const keys = new RedisKeys('easgate:');
let [first, second]: TestRedis[] = [];
let clients: Redis[] = [];
/** An address that leads to one server, then to another one. */
let address: Server;
let target = 0;
/** In the order in which they were made. */
let connections: Socket[] = [];
let options: RedisStoreOptions;
let store: RedisStore;

beforeEach(async () => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  [first, second] = servers;
  clients = servers.map(({ url }) => new Redis(url));
  target = servers[0].port;
  connections = [];
  address = createServer((socket) => {
    connections.push(socket);
    const server = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [socket, server],
      [server, socket],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await until(() => address.listening, 'the address');
  const { port } = address.address() as AddressInfo;
  options = { url: `redis://127.0.0.1:${port}/0`, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
  store = await RedisStore.open(options);
});
afterEach(async () => {
  await store.close();
  address.close();
  for (const client of clients) client.disconnect();
  await Promise.all([first?.kill(), second?.kill()]);
});

/** More than a gateway writes at once. */
const bulk = (source: string) =>
  [...Array(600).keys()].map((index) => deviceReport(`phone${index}` as DeviceKey, { source }));

/** The sources that reported a phone to each server. */
function reported(): Promise<readonly string[][]> {
  return Promise.all(clients.map((client) => client.hkeys(keys.device(phone))));
}

it('a bulk goes to the server that the other connections were led to', async () => {
  await store.putDevices(bulk('mdm'));
  await writeIdentity(clients[1] as Redis, (await clients[0]?.get('easgate:schema')) ?? '');
  target = second?.port ?? 0;
  for (const one of connections.slice(0, -1)) one.destroy();
  await eventually(
    () => store.getDevice(phone).catch(() => undefined),
    (found) => found === null,
    'the other server',
  );
  await store.putDevices(bulk('jamf'));
  expect(await reported()).toEqual([['r:mdm'], ['r:jamf']]);
});

it('a bulk goes on where only the connection of look-ups is closed meanwhile, as an idle one by Redis', async () => {
  await store.putDevices(bulk('mdm'));
  const written = store.putDevices(bulk('jamf'));
  connections[0]?.destroy();
  expect(new Set(await written)).toEqual(new Set(['news']));
});

it('a bulk that met a replica finds the primary next time', async () => {
  await clients[1]?.replicaof('127.0.0.1', first?.port ?? 0);
  await eventually(
    async () => (await clients[1]?.info('replication')) ?? '',
    (info) => info.includes('master_link_status:up'),
    'the replica',
  );
  target = second?.port ?? 0;
  await expect(store.putDevices(bulk('mdm'))).rejects.toThrow('READONLY');
  target = first?.port ?? 0;
  expect(new Set(await store.putDevices(bulk('mdm')))).toEqual(new Set(['news']));
});

it('a bulk whose connection leads to another store is written to the known one, and phones are served', async () => {
  target = second?.port ?? 0;
  expect(new Set(await store.putDevices(bulk('mdm')))).toEqual(new Set(['news']));
  expect(await reported()).toEqual([['r:mdm'], []]);
  expect((await store.getDevice(phone))?.reports).toHaveLength(1);
});

it('a gateway whose reader of changes was led to the new primary reads records there, too', async () => {
  await store.close();
  store = await RedisStore.open(options, NO_GROUPS, { ...UNGUARDED, serves: true });
  const text = await eventually(
    async () => (await clients[0]?.get('easgate:beat')) ?? '',
    (beat) => Number(beat.split(' ')[0]) > 1_000,
    'a beat',
  );
  // The new primary lacks the last second of the former one, which goes on.
  await writeIdentity(clients[1] as Redis, (await clients[0]?.get('easgate:schema')) ?? '');
  await clients[1]?.set('easgate:beat', `${Number(text.split(' ')[0]) - 1_000} 0`);
  await clients[1]?.hset(keys.device(phone), 'm', JSON.stringify(decision('block')));
  let position = await store.position();
  let isOver = false;
  const follow = async (): Promise<void> => {
    while (!isOver) {
      const batch = await store.changesAfter(position).catch(() => null);
      position = batch?.position ?? position;
      await turn();
    }
  };
  target = second?.port ?? 0;
  connections.at(-1)?.destroy();
  const following = follow();
  const action = async (): Promise<unknown> =>
    (await store.lookup(alice, phone).catch(() => null))?.deviceDecision?.action;
  await eventually(action, (found) => found === 'block', 'the decision of the new primary');
  isOver = true;
  await store.close();
  await following;
});
