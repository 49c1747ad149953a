// Owns the promises of reading whole hashes from Redis, by scripts and by commands: every hash arrives as it is stored, whatever its size, and few
// are read at once.
import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { runScript } from '../../src/directory/redis/run-script.ts';
import { storedUsers } from '../../src/directory/redis/stored-hashes.ts';
import { command } from '../../src/directory/redis/hash-commands.ts';
import type { WholeHash } from '../../src/directory/redis/hash-replies.ts';
import { connectRaw } from '../../src/directory/redis/redis-connection.ts';
import { ReplyStream } from '../../src/directory/redis/reply-stream.ts';
import { readWhole, unpackWhole } from '../../src/directory/redis/whole-hashes.ts';
import type { RunScript } from '../../src/directory/redis/whole-hashes.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { deviceReport, seenPartnership, userReport } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));
beforeEach(() => redis.clear());

const keys = new RedisKeys('easgate:');
const name = (at: number): string => `${keys.base(at % 3)}x:${at}`;

const run: RunScript = async (script, on, values) =>
  runScript(client, script, on, [(await client.get(keys.schema)) ?? '', ...values]);

/** How a walk reads: on a Cluster by a script, else by commands. */
const WAYS = {
  script: (names: readonly string[]): Promise<Uint8Array> => readWhole(run, names),
  commands: async (names: readonly string[]): Promise<Uint8Array> => {
    const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
    const server = new ReplyStream(await connectRaw(options), options.commandTimeoutMs);
    const commands = Buffer.concat(names.map((key) => command('HGETALL', key)));
    const head = Buffer.concat([Buffer.from(`*${names.length}\r\n`), commands]);
    try {
      return await server.request([commands], names.length, head);
    } finally {
      server.close();
    }
  },
} as const;

/** The reader of one way; undefined = the reply leaves a hash out. */
function reader(way: keyof typeof WAYS) {
  return async (
    names: readonly string[],
    without: string | null = null,
  ): Promise<(WholeHash | undefined)[]> => {
    const found = new Map(unpackWhole(await WAYS[way](names), without));
    return names.map((key) => found.get(key.slice(key.indexOf('}:') + 4)));
  };
}

const sorted = (hash: WholeHash | undefined): unknown =>
  hash === null || hash === undefined
    ? hash
    : new Map(hash.flatMap((text, at) => (at % 2 === 0 ? [[text, hash[at + 1]]] : [])));

describe.each(['script', 'commands'] as const)('whole hashes, read by %s,', (way) => {
  const read = reader(way);

  it.each([0, 1, 31, 32, 255, 256, 65_535, 65_536])('have their texts, of %i bytes', async (size) => {
    const hash = [
      'text',
      'x'.repeat(size),
      `name${'y'.repeat(size)}`,
      'short',
      'zürich',
      'ü€😀'.repeat(size % 100),
      'what JSON escapes',
      '"\\/\u0000\n\u001f\u007f\u2028',
    ];
    await client.hset(name(0), ...hash);
    const [found = null] = await read([name(0)]);
    // A difference of such a size is not printed.
    expect(isDeepStrictEqual(sorted(found), sorted(hash))).toBe(true);
  });

  it.each([1, 7, 8, 33_000])('have all of %i fields', async (fields) => {
    const hash = Array.from({ length: fields * 2 }, (_, at) => `t${at}`);
    for (let at = 0; at < hash.length; at += 6_000) await client.hset(name(1), ...hash.slice(at, at + 6_000));
    const [found = null] = await read([name(1)]);
    // A difference of such a size is not printed.
    expect(isDeepStrictEqual(sorted(found), sorted(hash))).toBe(true);
  });

  it('come with their names; missing keys are left out, and keys of other types are marked as no hash', async () => {
    const names = Array.from({ length: 70 }, (_, at) => name(at));
    for (const [at, key] of names.entries())
      if (at % 7 === 1) await client.set(key, 'a text');
      else if (at % 7 !== 2) await client.hset(key, 'at', String(at));
    const expected = names.map((_, at) =>
      at % 7 === 1 ? null : at % 7 === 2 ? undefined : ['at', String(at)],
    );
    expect(await read(names)).toEqual(expected);
  });

  it('have no fields that the reader leaves out', async () => {
    await client.hset(name(0), 'd:one', 'x'.repeat(300), 'r:mdm', 'report', 'd:two', '');
    expect(await read([name(0)], 'd:')).toEqual([['r:mdm', 'report']]);
  });

  it('are left out if they have only one alias, and whole if they have more', async () => {
    await client.hset(name(0), 'a:~@example.com', 'alice');
    await client.hset(name(1), 'a:x', 'alice', 'a:y', 'bob');
    await client.hset(name(2), 'm:a:', 'decision');
    expect((await read([0, 1, 2].map(name))).map(sorted)).toEqual(
      [undefined, ['a:x', 'alice', 'a:y', 'bob'], ['m:a:', 'decision']].map(sorted),
    );
  });

  it('have what only looks like the form of a reply, and texts of any script', async () => {
    const hash = ['HGETALL', '*2\r\n$1\r\na\r\n', '-WRONGTYPE', '$5\r\n', 'r:ü', '日本', '\r\n', ''];
    await client.hset(name(0), ...hash);
    await client.hset(`${keys.base(1)}x:日本"1"`, 'r:mdm', '|1');
    await client.hset(name(2), 'plain', 'text');
    const found = await read([name(0), `${keys.base(1)}x:日本"1"`, name(2)]);
    expect(found.map(sorted)).toEqual([hash, ['r:mdm', '|1'], ['plain', 'text']].map(sorted));
  });
});

describe('whole hashes, read by a script,', () => {
  const read = reader('script');

  it('are whole where the alias may be malformed, as encoded or of the same local part', async () => {
    const user = (local: string): string => `${keys.base(16)}u:${local}`;
    const hashes = [
      ['one', 'a:%zz', 'alice'],
      ['three', 'a:~@example.com', 'three@example.com'],
      ['four', 'a:~@example.com', 'contoso\\four'],
      ['five', 'a:five', 'alice'],
      ['six', 'a:~', 'a:lice'],
    ] as const;
    const plain = [
      ['al', 'a:~', 'alice@example.com'],
      ['ally', 'a:~@example.com', 'contoso\\alice'],
      ['alex', 'a:contoso\\~', 'alice'],
    ] as const;
    for (const [local, field, target] of [...hashes, ...plain]) await client.hset(user(local), field, target);
    const found = await read([...hashes, ...plain].map(([local]) => user(local)));
    expect(found).toEqual([
      ...hashes.map(([, field, target]) => [field, target]),
      ...plain.map(() => undefined),
    ]);
    for (const [local, field, target] of hashes)
      expect(storedUsers(local, [field, target]).failures).toEqual([`user ${local} ${field}`]);
    for (const [local, field, target] of plain)
      expect(storedUsers(local, [field, target]).failures).toEqual([]);
  });

  it('are refused where the reply ends early, or is another one', async () => {
    const reply = Buffer.from('["phone",["a","bc"]]');
    expect([...unpackWhole(reply)]).toEqual([['phone', ['a', 'bc']]]);
    for (let end = 0; end < reply.length; end += 1)
      expect(() => [...unpackWhole(reply.subarray(0, end))]).toThrow('something else');
    for (const other of ['"a"', '["phone"]', '[["a","bc"]]', '["phone",{}]'])
      expect(() => [...unpackWhole(Buffer.from(other))]).toThrow('something else');
    await expect(readWhole(async () => 'text', [])).rejects.toThrow('something else');
  });
});

describe('a walk over a directory in Redis', () => {
  it('reads the next devices while the first are used, few by one script, and no further', async () => {
    const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
    onTestFinished(() => store.close());
    const devices = Array.from({ length: 2_000 }, (_, at) => `phone${at}` as DeviceKey);
    await store.putDevices(devices.map((device) => deviceReport(device)));
    const before = await hashesRead();
    const walk = store.scanDevices()[Symbol.asyncIterator]();
    const first = await walk.next();
    const size = first.done === true ? 0 : first.value.length;
    // What was sent before is carried out before.
    const counted = await hashesRead();
    expect(size).toBeGreaterThanOrEqual(100);
    expect(counted.hashes - before.hashes).toBe(2 * size);
    expect((counted.hashes - before.hashes) / (counted.scripts - before.scripts)).toBeLessThanOrEqual(128);
    await walk.return?.();
  });

  it('for threads finds every user and then every device once, whatever else is stored', async () => {
    const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
    onTestFinished(() => store.close());
    const devices = Array.from({ length: 700 }, (_, at) => `phone${at}` as DeviceKey);
    const users = Array.from({ length: 500 }, (_, at) => `user${at}@contoso.com` as UserKey);
    await store.putUsers(users.map((user, at) => userReport(user, { aliases: [`u${at}` as UserKey] })));
    await store.putDevices(devices.map((device) => deviceReport(device)));
    await client.hset(`${keys.base(0)}d:zürich "1"`, 'r:mdm', '|1');
    await client.set(`${keys.base(16)}u:text`, 'no hash');
    // The pattern of SCAN finds this one too.
    await client.hset(`${keys.base(3)}x:{1}:d:none`, 'r:mdm', '|1');
    for (let at = 0; at < 100; at += 1) await client.hset(`other:{${at}}:d:${at}`, 'r:mdm', '|1');
    const found: { users: string[]; devices: string[] } = { users: [], devices: [] };
    for await (const { kind, packed } of store.spread.scan()) {
      if (kind === 'users') expect(found.devices).toEqual([]);
      const entries = kind === 'users' ? store.spread.users(packed, true) : store.spread.devices(packed);
      for (const { key } of entries) found[kind].push(key);
    }
    expect(found.users.sort()).toEqual(users.toSorted());
    expect(found.devices.sort()).toEqual([...devices, 'zürich "1"'].toSorted());
  });

  it('for threads understands a record when it is asked for, not a list of them before', async () => {
    const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
    onTestFinished(() => store.close());
    const replies = ['["phone1",["r:mdm","|1"]]', 'no reply'].map((text) => Buffer.from(text));
    const entries = store.spread.devices({ replies })[Symbol.iterator]();
    expect(entries.next().value).toMatchObject({ key: 'phone1', reports: [{ source: 'mdm' }] });
    expect(() => entries.next()).toThrow('something else');
    const ofUsers = ['["alice",["r:mdm:~","|1"]]', 'no reply'].map((text) => Buffer.from(text));
    const users = store.spread.users({ replies: ofUsers }, false)[Symbol.iterator]();
    expect(users.next().value).toMatchObject({ key: 'alice', reports: [{ source: 'mdm' }] });
    expect(() => users.next()).toThrow('something else');
  });

  it('for threads reads each device once, and not far ahead', async () => {
    const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
    onTestFinished(() => store.close());
    const devices = Array.from({ length: 5_000 }, (_, at) => `phone${at}` as DeviceKey);
    await store.putDevices(devices.map((device) => deviceReport(device)));
    const before = await hashesRead();
    const walk = store.spread.scan()[Symbol.asyncIterator]();
    for (;;) {
      const { value } = await walk.next();
      if (value.kind === 'users') continue;
      expect([...store.spread.devices(value.packed)].length).toBeLessThan(1_500);
      break;
    }
    // What was sent before is carried out before.
    const { hashes } = await hashesRead();
    expect(hashes - before.hashes).toBeLessThan(2_500);
    for (;;) if ((await walk.next()).done === true) break;
    const after = await hashesRead();
    expect(after.hashes - before.hashes).toBe(devices.length);
  });

  it('reads no devices of users where they are not wanted', async () => {
    const store = await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
    onTestFinished(() => store.close());
    await store.putUsers([userReport('alice' as UserKey)]);
    await store.recordSeen([
      seenPartnership('alice' as UserKey, 'phone1' as DeviceKey, 1),
      seenPartnership('bob' as UserKey, 'phone2' as DeviceKey, 1),
    ]);
    const users = async (withDevices: boolean): Promise<unknown> => {
      const found: [string, string | null, number][] = [];
      for await (const part of store.scanUsers(withDevices))
        for (const { key, record, devices } of part) found.push([key, record?.key ?? null, devices.length]);
      return found.sort(([a], [b]) => (a < b ? -1 : 1));
    };
    expect(await users(false)).toEqual([['alice', 'alice', 0]]);
    expect(await users(true)).toEqual([
      ['alice', 'alice', 1],
      ['bob', null, 1],
    ]);
  });
});

/** What Redis counts. */
async function hashesRead(): Promise<{ readonly hashes: number; readonly scripts: number }> {
  const stats = await client.info('commandstats');
  const calls = (command: string): number =>
    [...stats.matchAll(new RegExp(`cmdstat_${command}:calls=(\\d+)`, 'g'))].reduce(
      (sum, [, one]) => sum + Number(one),
      0,
    );
  return { hashes: calls('hgetall'), scripts: calls('eval(?:sha)?') };
}
