// Owns the promises of writes in bulk: what many records come to by one call is what they come to by many calls, in both stores.
import type { Redis } from 'ioredis';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { LARGE, SMALL, byPartition, inParallel } from '../../src/directory/redis/hash-writer.ts';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { DeviceObservation } from '../../src/model/device.ts';
import type { PartnershipRecord } from '../../src/model/partnership.ts';
import type { PartnershipSignal } from '../../src/model/signal.ts';
import type { UserObservation } from '../../src/model/user.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { deviceReport, seenPartnership, userReport } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { allDevices, allUsers } from './contract/handles.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

/** More than any store writes at once. */
const COUNT = 600;
/** Of each seventh device something is known before. */
const KNOWN = 7;

const device = (index: number): DeviceKey => `${(index * 7_919) % 1_000}-phone${index}` as DeviceKey;
const user = (index: number): UserKey => `user${index}@contoso.com` as UserKey;
const all = (count = COUNT): number[] => [...Array(count).keys()];

const earlier = all()
  .filter((index) => index % KNOWN === 0)
  .map((index) => deviceReport(device(index), { source: index % 2 === 0 ? 'mdm' : 'jamf' }));

/** Reports of known and of new devices, older and unchanged ones, removals, and several of one device. */
const reports: readonly DeviceObservation[] = all().flatMap((index) => [
  deviceReport(device(index), { observedAt: index % 5 === 0 ? 0 : 2, compliant: index % 3 === 0 }),
  ...(index % 11 === 0 ? [deviceReport(device(index), { observedAt: 3, removed: true })] : []),
  ...(index % 13 === 0 ? [deviceReport(device(index), { source: 'jamf', model: 'iPad' })] : []),
]);

function usersNamed(round: number): readonly UserObservation[] {
  return all().map((index) =>
    userReport(user(index), {
      observedAt: round,
      aliases: [
        `al${index}`,
        `user${index}`,
        ...(index % 4 === round ? [] : [`far${index}@contoso.com`]),
      ] as UserKey[],
      enabled: index % 9 !== round,
    }),
  );
}

/** Under their names and aliases, some devices with several users. */
const seen: readonly PartnershipRecord[] = all().flatMap((index) => {
  const name = index % 3 === 0 ? (`al${index}` as UserKey) : user(index);
  const one = seenPartnership(name, device(index), 10 + index);
  return index % 6 === 0 ? [one, seenPartnership(user(index + 1), device(index), 20 + index)] : [one];
});

const writes: readonly ((store: DirectoryStore, size: number) => Promise<unknown[]>)[] = [
  (store, size) => inCalls(earlier, size, (part) => store.putDevices(part)),
  (store, size) => inCalls(reports, size, (part) => store.putDevices(part)),
  (store, size) => inCalls(usersNamed(1), size, (part) => store.putUsers(part)),
  (store, size) => inCalls(usersNamed(2), size, (part) => store.putUsers(part)),
  (store, size) => inCalls(seen, size, (part) => noticedIn(store, part)),
  (store, size) => inCalls(seen, size, (part) => noticedIn(store, part)),
];

async function noticedIn(
  store: DirectoryStore,
  part: readonly PartnershipRecord[],
): Promise<readonly PartnershipSignal[]> {
  const signals: PartnershipSignal[] = [];
  await store.recordSeen(part, (signal) => signals.push(signal));
  return signals;
}

async function inCalls<T, R>(
  records: readonly T[],
  size: number,
  write: (part: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const answers: R[] = [];
  for (let at = 0; at < records.length; at += size)
    answers.push(...(await write(records.slice(at, at + size))));
  return answers;
}

/** What the writes answered, what the log says of them, and what is stored then. */
async function historyOf(store: DirectoryStore, size: number): Promise<unknown> {
  const start = await store.position();
  const answers: unknown[] = [];
  for (const write of writes) {
    const of = await write(store, size);
    // Signals come in any order.
    answers.push(typeof of[0] === 'string' ? of : of.map((one) => JSON.stringify(one)).sort());
  }
  const end = await store.position();
  const named = new Set<string>();
  for (let at = start; at !== end;) {
    const { changes, position, trimmed } = await store.changesAfter(at);
    expect(trimmed).toBe(false);
    for (const change of changes) named.add(JSON.stringify(change));
    at = position;
  }
  return {
    answers,
    changes: [...named].sort(),
    devices: await allDevices(store),
    users: await allUsers(store),
  };
}

describe('a bulk', () => {
  it('in a SQLite file is written as many small writes are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-bulk-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const histories: unknown[] = [];
    for (const size of [50, Infinity]) {
      const store = new EmbeddedStore(join(folder, `${size}.db`));
      histories.push(await historyOf(store, size));
      await store.close();
    }
    expect(histories[1]).toEqual(histories[0]);
  });

  it('in Redis is written as many small writes are', async () => {
    const histories: unknown[] = [];
    for (const size of [50, Infinity]) {
      await redis.clear();
      const store = await openRedis();
      histories.push(await historyOf(store, size));
      await store.close();
    }
    expect(histories[1]).toEqual(histories[0]);
  });

  it('in Redis takes the place of what is no hash, among devices that are new', async () => {
    await redis.clear();
    const keys = new RedisKeys('easgate:');
    await client.set(keys.device(device(1)), 'nonsense');
    await client.hset(keys.device(device(2)), 'p:alice', '|');
    const store = await openRedis();
    const outcomes = await store.putDevices(all(50).map((index) => deviceReport(device(index))));
    expect(new Set(outcomes)).toEqual(new Set(['news']));
    expect(await client.hkeys(keys.device(device(1)))).toEqual(['r:mdm']);
    expect(await client.hkeys(keys.device(device(2)))).toEqual(['p:alice', 'r:mdm']);
    await store.close();
  });

  it('in Redis removes a malformed report without a source, among first reports of a second source', async () => {
    await redis.clear();
    const keys = new RedisKeys('easgate:');
    const store = await openRedis();
    await store.putDevices(all(50).map((index) => deviceReport(device(index))));
    await client.hset(keys.device(device(1)), 'r:unknown', 'nonsense');
    const second = all(50).map((index) => deviceReport(device(index), { source: 'jamf' }));
    expect(new Set(await store.putDevices(second))).toEqual(new Set(['news']));
    expect(await client.hkeys(keys.device(device(1)))).toEqual(['r:mdm', 'r:jamf']);
    await store.close();
  });

  it('in Redis reports the second user of a device, among devices without partnerships', async () => {
    await redis.clear();
    const keys = new RedisKeys('easgate:');
    const store = await openRedis();
    const seenFirst = all().map((index) => seenPartnership(user(index), device(index), 10));
    await store.recordSeen(seenFirst);
    await client.set(keys.device(device(1_001)), 'nonsense');
    const seenNext = all().map((index) => seenPartnership(user(index), device(index + 1_000), 20));
    const noticed: PartnershipSignal[] = [];
    await store.recordSeen([...seenNext, seenPartnership(user(8), device(7), 30)], (one) =>
      noticed.push(one),
    );
    expect(noticed).toEqual([{ kind: 'device_shared', user: user(8), device: device(7), users: 2 }]);
    expect(await client.get(keys.device(device(1_001)))).toBe('nonsense');
    await store.close();
  });
});

describe('a bulk of partnerships in Redis', () => {
  const keys = new RedisKeys('easgate:');

  it('is written with the devices of each user, and reports users with many', async () => {
    await redis.clear();
    const store = await openRedis();
    const many = all(20).map((index) => seenPartnership('busy' as UserKey, device(index), 10 + index));
    const others = all().map((index) => seenPartnership(user(index), device(index + 20), 10));
    const noticed: PartnershipSignal[] = [];
    await store.recordSeen([...many, ...others], (one) => noticed.push(one));
    const devices = (await store.getUser('busy' as UserKey))?.devices.map((one) => one.device);
    expect(new Set(devices)).toEqual(new Set(many.map((one) => one.device)));
    expect(noticed).toEqual([{ kind: 'many_devices', user: 'busy', device: device(19), devices: 20 }]);
    await store.close();
  });

  it('is that of the users whose names the logins are, whatever was known before', async () => {
    await redis.clear();
    const store = await openRedis();
    await store.putUsers([userReport(user(1), { aliases: ['al1', 'user1'] as UserKey[] })]);
    await client.set(keys.users('user3'), 'nonsense');
    await client.set(keys.device(device(4)), 'nonsense');
    const logins = ['al1', 'user1', 'user2@contoso.com', 'user3', 'user4', 'x\\user5'] as UserKey[];
    const seen = logins.map((login, index) => seenPartnership(login, device(index), 10));
    await store.recordSeen([
      ...all().map((index) => seenPartnership(user(index + 100), device(index + 100), 10)),
      ...seen,
    ]);
    const users = await Promise.all(
      all(6).map(
        async (index) => (await store.lookup(logins[index] as UserKey, device(index))).partnership?.user,
      ),
    );
    expect(users).toEqual([user(1), user(1), user(2), 'user3', undefined, 'x\\user5']);
    expect((await store.getUser(user(1)))?.devices.map((one) => one.device).sort()).toEqual(
      [device(0), device(1)].sort(),
    );
    expect(await client.get(keys.users('user3'))).toBe('nonsense');
    expect(await client.get(keys.device(device(4)))).toBe('nonsense');
    await store.close();
  });
});

async function openRedis(): Promise<RedisStore> {
  return RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
}

describe('parts of a bulk', () => {
  it('are as large, and as many at once, as may be written at that moment', async () => {
    let size = SMALL;
    const sizes: number[] = [];
    let [open, most] = [0, 0];
    const access = { size: () => size };
    await inParallel(
      access,
      byPartition(access, all(3_000), () => 1),
      async ({ items }) => {
        sizes.push(items.length);
        most = Math.max(most, ++open);
        await turn();
        open--;
        if (sizes.length >= 10) size = LARGE;
      },
    );
    expect(sizes.slice(0, 10)).toEqual(Array(10).fill(SMALL.hashes));
    expect(sizes.at(-2)).toBe(LARGE.hashes);
    expect(sizes.reduce((sum, count) => sum + count)).toBe(3_000);
    expect(most).toBeGreaterThan(SMALL.scripts);
    expect(most).toBeLessThanOrEqual(LARGE.scripts);
  });

  it('are sent before more are made', async () => {
    const steps: string[] = [];
    function* parts(): Generator<number> {
      for (const part of all(3)) {
        steps.push(`made ${part}`);
        yield part;
      }
    }
    await inParallel({}, parts(), async (part) => {
      await Promise.resolve();
      steps.push(`sent ${part}`);
    });
    expect(steps).toEqual(['made 0', 'sent 0', 'made 1', 'sent 1', 'made 2', 'sent 2']);
  });

  it('stop at the first failure', async () => {
    let begun = 0;
    const work = inParallel({}, all(100), async (index) => {
      begun++;
      await Promise.resolve();
      if (index === 5) throw new Error('refused');
    });
    await expect(work).rejects.toThrow('refused');
    expect(begun).toBeLessThan(6 + SMALL.scripts);
  });
});
