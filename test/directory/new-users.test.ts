// Owns the promises of users in Redis of whom nothing is stored: each is written with its aliases in one step, or as every other user.
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FencedError } from '../../src/directory/lease.ts';
import { PARTITIONS, RedisKeys, partitionOfUsers } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { Change } from '../../src/directory/store.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { userReport } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
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

const keys = new RedisKeys('easgate:');
const [dave, erin] = ['dave' as UserKey, 'erin' as UserKey];
const named = (user: UserKey, ...aliases: string[]) => userReport(user, { aliases });

async function userOf(name: string): Promise<UserKey> {
  return (await store.joinedUser(name as UserKey)).user;
}

/** The users that the log names after `work`. */
async function loggedBy(work: () => Promise<unknown>): Promise<ReadonlySet<string>> {
  const start = await store.position();
  await work();
  const { changes } = await store.changesAfter(start);
  return new Set(changes.map((change: Change) => String(change.user)));
}

describe('users of whom nothing is stored', () => {
  it('are written with all of their names, which the log has', async () => {
    const logged = await loggedBy(() =>
      store.putUsers([named(dave, 'd', 'dave@contoso.com', 'x\\other', 'other')]),
    );
    expect(await Promise.all(['d', 'dave@contoso.com', 'x\\other', 'other'].map(userOf))).toEqual(
      Array(4).fill(dave),
    );
    expect(logged).toEqual(new Set(['dave', 'd', 'x\\other', 'other']));
  });

  it('take over an alias of another user, who is logged too', async () => {
    await store.putUsers([named(dave, 'd', 'shared')]);
    const logged = await loggedBy(() => store.putUsers([named(erin, 'e', 'shared')]));
    expect(await Promise.all(['d', 'e', 'shared'].map(userOf))).toEqual([dave, erin, erin]);
    expect(logged).toEqual(new Set(['erin', 'e', 'shared', 'dave']));
  });

  it('are written one after the other, where they have a name in common', async () => {
    await store.putUsers([named(dave, 'd', 'shared'), named(erin, 'e', 'shared')]);
    expect(await Promise.all(['d', 'e', 'shared'].map(userOf))).toEqual([dave, erin, erin]);
    await store.putUsers([named('frank' as UserKey, 'grace'), named('grace' as UserKey, 'g')]);
    expect(await userOf('grace')).toBe('frank');
    expect(await userOf('g')).toBe('frank');
  });

  it('are written though one of their names is no hash', async () => {
    await client.set(keys.users('d'), 'nonsense');
    await client.set(keys.users('erin'), 'nonsense');
    expect(await store.putUsers([named(dave, 'd'), named(erin, 'e')])).toEqual(['news', 'news']);
    expect(await Promise.all(['d', 'e'].map(userOf))).toEqual([dave, erin]);
  });

  it('stay older, if another report of the same call is newer', async () => {
    const outcomes = await store.putUsers([
      userReport(dave, { observedAt: 9, aliases: ['new'] }),
      userReport(dave, { observedAt: 5, aliases: ['old'] }),
    ]);
    expect(outcomes).toEqual(['news', 'older']);
    expect(await Promise.all(['new', 'old'].map(userOf))).toEqual([dave, 'old']);
  });
});

// Threat: a control process that was stopped for a while writes what it read before another one took over.
it.each([
  ['its own partition', 'dave'],
  ['the partition of an alias', 'd'],
])(
  'a leader whose term is over writes no new users, also if only %s knows of the next one',
  async (_where, name) => {
    const fenced = keys.fence(partitionOfUsers(name));
    await client.set(fenced, '5');
    await expect(store.putUsers([named(dave, 'd')], 4)).rejects.toBeInstanceOf(FencedError);
    expect(await client.exists(keys.users('dave'), keys.users('d'))).toBe(0);
    expect(await client.exists(...PARTITIONS.map((partition) => keys.changes(partition)))).toBe(0);
    await store.putUsers([named(dave, 'd')], 5);
    expect(await userOf('d')).toBe(dave);
  },
);
