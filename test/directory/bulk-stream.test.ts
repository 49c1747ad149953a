// Owns the promises of the connection on which a bulk is written to a single Redis.
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandBytes } from '../../src/directory/redis/command-bytes.ts';
import { command } from '../../src/directory/redis/hash-commands.ts';
import { connectRaw } from '../../src/directory/redis/redis-connection.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { ReplyStream } from '../../src/directory/redis/reply-stream.ts';
import { ScriptStream } from '../../src/directory/redis/script-stream.ts';
import { newIdentity } from '../../src/directory/store-identity.ts';
import { identityText } from '../../src/directory/redis/redis-identity.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { deviceReport, seenPartnership, userReport } from '../support/servers/directory-records.ts';
import { eventually } from '../support/checks/until.ts';
import { useRedis, writeIdentity } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
let store: RedisStore;
useRedis((server, connection) => ([redis, client] = [server, connection]));
beforeEach(async () => {
  await redis.clear();
  store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
});
afterEach(() => store.close());

/** More than a gateway writes at once. */
const COUNT = 600;
const all = [...Array(COUNT).keys()];
const device = (index: number): DeviceKey => `phone${index}` as DeviceKey;
const user = (index: number): UserKey => `ünal${index}@contoso.com` as UserKey;
const reports = (source: string) =>
  all.map((index) => deviceReport(device(index), { source, model: 'Grün' }));

/** How many connections of stores there are. */
async function connections(): Promise<number> {
  return String(await client.client('LIST')).split('name=easgate ').length - 1;
}

/** Adds each connection that it makes to `opened`. */
function scriptStream(opened: ReplyStream[]): ScriptStream {
  const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
  return new ScriptStream(async () => {
    const one = new ReplyStream(await connectRaw(options), options.commandTimeoutMs);
    opened.push(one);
    return one;
  });
}

describe('a bulk', () => {
  it('has a connection of its own, and a few records have not', async () => {
    const before = await connections();
    await store.putDevices(reports('mdm').slice(0, 5));
    expect(await connections()).toBe(before);
    await store.putDevices(reports('mdm'));
    expect(await connections()).toBe(before + 1);
  });

  it('goes on when Redis forgot its scripts', async () => {
    await store.putDevices(reports('mdm'));
    await client.script('FLUSH');
    expect(new Set(await store.putDevices(reports('jamf')))).toEqual(new Set(['news']));
    await client.script('FLUSH');
    await store.putUsers(all.map((index) => userReport(user(index), { aliases: [`u${index}`] })));
    await client.script('FLUSH');
    await store.recordSeen(all.map((index) => seenPartnership(`u${index}` as UserKey, device(index), 1)));
    const entry = await store.getUser(user(7));
    expect(entry?.devices.map((one) => one.device)).toEqual([device(7)]);
    expect((await store.getDevice(device(7)))?.reports.map(({ model }) => model)).toEqual(['Grün', 'Grün']);
  });

  it('makes a new connection when the one before was lost', async () => {
    await store.putDevices(reports('mdm'));
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const again = (): Promise<readonly string[]> => store.putDevices(reports('jamf')).catch(() => []);
    await eventually(again, ({ length }) => length === COUNT, 'a new connection');
  });

  it('is refused by another store', async () => {
    await store.putDevices(reports('mdm'));
    await writeIdentity(client, identityText(newIdentity()));
    await expect(store.putDevices(reports('jamf'))).rejects.toMatchObject({ code: 'EASGATE_STORE_OTHER' });
    await expect(
      store.putUsers(all.map((index) => userReport(user(index), { aliases: [`u${index}`] }))),
    ).rejects.toMatchObject({ code: 'EASGATE_STORE_OTHER' });
    expect(await client.hkeys('easgate:{0}:d:phone1')).not.toContain('r:jamf');
  });
});

// Threat: a former primary that is cut off from the others, and still takes writes, which are lost.
it('a connection that is given up takes nothing more, also one that is just being made', async () => {
  const opened: ReplyStream[] = [];
  const stream = scriptStream(opened);
  await stream.info('server');
  stream.followPrimary({ host: '192.0.2.1', port: 1 });
  const asked = stream.info('server');
  stream.followPrimary({ host: '192.0.2.1', port: 2 });
  await expect(asked).rejects.toThrow('Connection is closed.');
  expect(opened.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  expect(await stream.info('server')).toContain('redis_version');
  stream.close();
});

it('a connection goes on when Sentinel announces the server to which it leads, also one that is just being made', async () => {
  const opened: ReplyStream[] = [];
  const stream = scriptStream(opened);
  const announce = (): void => stream.followPrimary({ host: '127.0.0.1', port: redis.port });
  const first = stream.info('server');
  announce();
  expect(await first).toContain('redis_version');
  const second = stream.info('server');
  announce();
  expect(await second).toContain('redis_version');
  expect(opened.map(({ isEnded }) => isEnded)).toEqual([false]);
  stream.close();
});

// Threat: as above, where the connection of look-ups is lost while the first one for a bulk is being made.
it('a connection that is left while it is being made takes nothing, and another one is made', async () => {
  const opened: ReplyStream[] = [];
  const stream = scriptStream(opened);
  const asked = stream.info('server');
  stream.leave();
  expect(await asked).toContain('redis_version');
  expect(opened.map(({ isEnded }) => isEnded)).toEqual([true, false]);
  stream.close();
});

it('a command is written as Redis reads it, whatever its words are', () => {
  const bytes = new CommandBytes();
  const word = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ maxLength: 60 }),
    fc.constantFrom('', 'x'.repeat(70_000), 'é'.repeat(40_000), '\ud800', 'a'.repeat(24), 'a'.repeat(25)),
  );
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 5 }),
      fc.array(word, { maxLength: 5 }),
      (some, more) => {
        const written = Buffer.from(bytes.command(some, more)).toString();
        expect(written).toBe(command(...some, ...more).toString());
      },
    ),
  );
});
