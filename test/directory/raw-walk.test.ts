// Owns the promises of a walk that hands hashes on as a single Redis sends them: replies are cut right wherever the stream is split, and what is read
// is of the known store.
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { PageReader, command } from '../../src/directory/redis/hash-commands.ts';
import { unpackNamedHashes } from '../../src/directory/redis/hash-replies.ts';
import { identityText } from '../../src/directory/redis/redis-identity.ts';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { ReplyStream } from '../../src/directory/redis/reply-stream.ts';
import { newIdentity } from '../../src/directory/store-identity.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { deviceReport, userReport } from '../support/servers/directory-records.ts';
import { useRedis, writeIdentity } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

/** A server that answers nothing by itself, and a stream to it. */
async function fakeRedis(timeoutMs = 30_000): Promise<{ server: Socket; stream: ReplyStream }> {
  const listener: Server = createServer();
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const address = listener.address();
  const accepted = once(listener, 'connection');
  const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
  const [server] = (await accepted) as [Socket];
  server.resume();
  const stream = new ReplyStream({ socket, end: () => socket.destroy() }, timeoutMs);
  onTestFinished(async () => {
    stream.close();
    server.destroy();
    listener.close();
    await once(listener, 'close');
  });
  return { server, stream };
}

/** Replies of both versions of the protocol. */
const REPLIES = [
  '$5\r\nhello\r\n',
  '*4\r\n$1\r\na\r\n$2\r\n\r\n\r\n$0\r\n\r\n$1\r\nb\r\n',
  '%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n',
  '*2\r\n$1\r\n0\r\n*2\r\n$2\r\nk1\r\n$2\r\nk2\r\n',
  '-WRONGTYPE Operation against a key\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '_\r\n',
  ':12\r\n',
  '+OK\r\n',
  '*0\r\n',
  '%0\r\n',
  '=7\r\ntxt:abc\r\n',
  '~1\r\n*1\r\n$1\r\nx\r\n',
] as const;

describe('a stream of replies', () => {
  it.each([1, 2, 3, 7, 1_000])(
    'is cut into requests, also where it comes in parts of %i bytes',
    async (size) => {
      const { server, stream } = await fakeRedis();
      const counts = [1, 3, 2, REPLIES.length - 6];
      const asked = counts.map((count, at) =>
        stream.request([Buffer.from('ASK')], count, Buffer.from(`${at}`)),
      );
      const bytes = Buffer.from(REPLIES.join(''));
      server.setNoDelay(true);
      for (let at = 0; at < bytes.length; at += size)
        await new Promise<void>((resolve) => {
          server.write(bytes.subarray(at, at + size), () => resolve());
        });
      const found = (await Promise.all(asked)).map((one) => Buffer.from(one).toString());
      let from = 0;
      expect(found).toEqual(
        counts.map((count, at) => `${at}${REPLIES.slice(from, (from += count)).join('')}`),
      );
    },
  );

  it('holds replies that are larger than its memory', async () => {
    const { server, stream } = await fakeRedis();
    const texts = [10, 1_000_000, 5].map((size) => `$${size}\r\n${'x'.repeat(size)}\r\n`);
    const asked = texts.map(() => stream.request([Buffer.from('ASK')], 1));
    server.write(texts.join(''));
    expect((await Promise.all(asked)).map(({ length }) => length)).toEqual(texts.map(({ length }) => length));
  });

  it('rejects the request that Redis refuses, and no other one', async () => {
    const { server, stream } = await fakeRedis();
    const asked = [1, 2, 1].map((count) => stream.request([Buffer.from('ASK')], count));
    server.write('+OK\r\n-NOPERM no permission\r\n+OK\r\n+OK\r\n');
    const [first, second, third] = await Promise.allSettled(asked);
    expect(first?.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { name: 'ReplyError' } });
    expect(third?.status).toBe('fulfilled');
  });

  it('rejects what waits when the connection ends, and whatever is asked later', async () => {
    const { server, stream } = await fakeRedis();
    const asked = stream.request([Buffer.from('ASK')], 1);
    server.end('$5\r\nhel');
    await expect(asked).rejects.toThrow('Connection is closed.');
    await expect(stream.request([Buffer.from('ASK')], 1)).rejects.toThrow('Connection is closed.');
  });

  it('rejects when no answer comes in time', async () => {
    const { stream } = await fakeRedis(1);
    await expect(stream.request([Buffer.from('ASK')], 1)).rejects.toThrow('timed out');
  });

  it('fails where Redis sends what it was not asked for', async () => {
    for (const text of ['+OK\r\n+MORE\r\n', '>1\r\n$1\r\na\r\n']) {
      const { server, stream } = await fakeRedis();
      const [socketEnd] = [once(server, 'close')];
      const asked = stream.request([Buffer.from('ASK')], 1).catch((error: unknown) => error);
      server.write(text);
      await socketEnd;
      await asked;
      await expect(stream.request([Buffer.from('ASK')], 1)).rejects.toThrow('asked');
    }
  });
});

describe('hashes as Redis sends them', () => {
  const keys = ['d:one', 'd:two', 'u:al'].map((name) => `easgate:{1}:${name}`);
  const commands = keys.map((key) => command('HGETALL', key).toString()).join('');
  const hashes = [
    '*2\r\n$1\r\na\r\n$2\r\nbc\r\n',
    '%1\r\n$1\r\na\r\n$2\r\nbc\r\n',
    '*2\r\n$3\r\na:~\r\n$2\r\nxy\r\n',
  ].join('');
  const packed = Buffer.from(`*3\r\n${commands}${hashes}`);

  it('are refused where they end early, or are something else', () => {
    expect([...unpackNamedHashes(packed, null)]).toEqual([
      ['one', ['a', 'bc']],
      ['two', ['a', 'bc']],
    ]);
    for (let end = 0; end < packed.length; end += 1)
      expect(() => [...unpackNamedHashes(packed.subarray(0, end), null)]).toThrow('something else');
    for (const other of [
      '$1\r\na\r\n',
      '*1\r\n*1\r\n',
      `*1\r\n${commands}`,
      `*0\r\n${hashes}`,
      '*0\r\n:1\r\n',
    ])
      expect(() => [...unpackNamedHashes(Buffer.from(other), null)]).toThrow('something else');
  });

  it('come one by one, so that few are in memory as objects', () => {
    const found = unpackNamedHashes(packed.subarray(0, -1), null);
    expect(found.next().value).toEqual(['one', ['a', 'bc']]);
    expect(found.next().value).toEqual(['two', ['a', 'bc']]);
    expect(() => found.next()).toThrow('something else');
  });

  it('are asked for by the keys of a SCAN, which is refused where it ends early', () => {
    const found = [
      ...keys,
      'easgate:{31}:d:x',
      'easgate:{1}:x:{2}:d:y',
      'easgate:{99}:d:z',
      'easgate:{01}:d:é',
    ];
    const texts = found.map((key) => `$${Buffer.byteLength(key)}\r\n${key}\r\n`).join('');
    const reply = Buffer.from(`*2\r\n$2\r\n17\r\n*${found.length}\r\n${texts}`);
    const reader = new PageReader(new RedisKeys('easgate:'));
    const { cursor, users, devices } = reader.read(reply);
    expect(cursor).toBe('17');
    const sent = [keys[0] ?? '', keys[1] ?? '', 'easgate:{31}:d:x', 'easgate:{99}:d:z', 'easgate:{01}:d:é'];
    const asked = sent.map((key) => command('HGETALL', key).toString()).join('');
    expect(Buffer.from(devices.list).toString()).toBe(`*${sent.length}\r\n${asked}`);
    expect(devices.bases).toEqual(['easgate:{1}:', 'easgate:{31}:', 'easgate:{99}:', 'easgate:{01}:']);
    expect([users.hashes, users.bases]).toEqual([1, ['easgate:{1}:']]);
    for (let end = 0; end < reply.length; end += 1)
      expect(() => reader.read(reply.subarray(0, end))).toThrow('something else');
  });
});

describe('a walk for threads over a single Redis', () => {
  let redis: TestRedis;
  let client: Redis;
  useRedis((server, connection) => ([redis, client] = [server, connection]));
  beforeEach(() => redis.clear());

  async function opened(account = ''): Promise<RedisStore> {
    const url = redis.url.replace('//', `//${account}`);
    const store = await RedisStore.open({ url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
    onTestFinished(() => store.close());
    return store;
  }

  /** 2,000 devices and 100 users: several parts of a walk. */
  async function filled(): Promise<RedisStore> {
    const store = await opened();
    await store.putUsers(Array.from({ length: 100 }, (_, at) => userReport(`user${at}` as UserKey)));
    await store.putDevices(Array.from({ length: 2_000 }, (_, at) => deviceReport(`phone${at}` as DeviceKey)));
    return store;
  }

  /** How many devices it finds; `between` runs behind the first part with devices. */
  async function devicesFound(store: RedisStore, between: () => unknown = () => undefined): Promise<number> {
    let found = 0;
    const walk = store.spread.scan()[Symbol.asyncIterator]();
    for (let part = await walk.next(); part.done !== true; part = await walk.next()) {
      if (part.value.kind === 'users') continue;
      if (found === 0) await between();
      found += [...store.spread.devices(part.value.packed)].flat().length;
    }
    return found;
  }

  it('fails where the store becomes another one meanwhile, and where a part of it does', async () => {
    const keys = new RedisKeys('easgate:');
    const known = (await client.get(keys.schema)) ?? '';
    const other = identityText(newIdentity());
    onTestFinished(() => writeIdentity(client, known));
    const cases = [
      [() => writeIdentity(client, other), 'EASGATE_STORE_OTHER'],
      [() => client.set(keys.schemaCopy(5), other), 'EASGATE_STORE_MISSING'],
    ] as const;
    for (const [replace, code] of cases) {
      const store = await filled();
      await expect(devicesFound(store, replace)).rejects.toMatchObject({ code });
      await writeIdentity(client, known);
    }
  });

  it('goes on where a gateway raised the epoch meanwhile', async () => {
    const known = (await client.get(new RedisKeys('easgate:').schema)) ?? '';
    onTestFinished(() => writeIdentity(client, known));
    const store = await filled();
    const raised = JSON.stringify({ ...(JSON.parse(known) as object), epoch: 7 });
    expect(await devicesFound(store, () => writeIdentity(client, raised))).toBe(2_000);
  });

  it('fails where a key is in a partition that the store does not have', async () => {
    const store = await filled();
    await client.hset('easgate:{77}:d:phone', 'r:mdm', '|1');
    await expect(devicesFound(store)).rejects.toMatchObject({ code: 'EASGATE_STORE_OTHER' });
  });

  it('says that the account lacks a permission', async () => {
    await filled();
    await client.acl('SETUSER', 'walker', 'on', '>pass', '~*', '&*', '+@all', '-hgetall');
    const store = await opened('walker:pass@');
    await expect(devicesFound(store)).rejects.toMatchObject({ code: 'EASGATE_STORE_REFUSED' });
    await client.acl('DELUSER', 'walker');
  });

  it('has a connection of its own, which ends with the walk, however it ends', async () => {
    const store = await filled();
    const connections = async (): Promise<ReadonlySet<string>> =>
      new Set(String(await client.client('LIST')).match(/^id=\d+/gm));
    const before = await connections();
    /** Others, of stores of earlier tests, may be ending still. */
    const added = async (): Promise<number> => (await connections()).difference(before).size;
    const untilEnded = (): Promise<void> =>
      until(async () => (await added()) === 0, 'the connection of the walk to end');
    let during = 0;
    expect(
      await devicesFound(store, async () => {
        during = await added();
      }),
    ).toBe(2_000);
    expect(during).toBe(1);
    await untilEnded();
    for await (const { kind } of store.spread.scan()) if (kind === 'devices') break;
    await untilEnded();
    await expect(devicesFound(store, () => store.close())).rejects.toThrow('Connection is closed.');
    await untilEnded();
    await until(
      async () => (await connections()).intersection(before).size < before.size,
      'the connections of the store to end',
    );
  });

  it('fails when its connection is lost', async () => {
    const store = await filled();
    const killed = devicesFound(store, async () => {
      const list = String(await client.client('LIST'));
      // The walk reads the devices with the command that other connections do not use.
      const ids = list
        .split('\n')
        .flatMap((one) => (/ cmd=(?:hgetall|get|scan) /.test(one) ? [/id=(\d+)/.exec(one)?.[1] ?? ''] : []));
      for (const id of ids) await client.client('KILL', 'ID', id);
    });
    await expect(killed).rejects.toThrow(/closed|ended|ECONNRESET|EPIPE/);
  });
});
