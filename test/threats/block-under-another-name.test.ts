// Threat: a user is blocked by one name and is signed in by another one. The look-up would find the block, but no gateway makes
// one: the change log names only some names of the user, so verdicts in memory and held polls stay as they are.
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { foldedLocalPart } from '../../src/identity/folded-name.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { BY_TEST, decision, phone, userReport } from '../support/servers/directory-records.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(() => redis.clear());
afterAll(() => redis.kill());

const stores: Record<string, () => Promise<DirectoryStore>> = {
  embedded: async () => new EmbeddedStore(':memory:'),
  Redis: () => RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 }),
};

const user = 'alice.smith@contoso.com' as UserKey;
const aliases = ['contoso\\asmith', 'asm@contoso.com'];

/** Folded local parts that the log names after `position`: verdicts and held polls are found by them. */
async function namedIn(store: DirectoryStore, position: string): Promise<string[]> {
  const { changes } = await store.changesAfter(position);
  return changes.flatMap((change) => (change.user === null ? [] : foldedLocalPart(change.user)));
}

describe.each(Object.entries(stores))('the %s store', (_kind, open) => {
  async function opened(): Promise<DirectoryStore> {
    const store = await open();
    onTestFinished(() => store.close());
    await store.putUsers([userReport(user, { aliases, groups: [] })]);
    return store;
  }

  it.each([
    user,
    'alice.smith',
    'alíce.smith@contoso.com',
    'other\\alice.smith',
    'contoso\\asmith',
    'asmith',
    'other\\asmith',
    'contoso\\åsmith',
    'asm',
  ] as UserKey[])('names every login that a block of %s denies as changed', async (blocked) => {
    const store = await opened();
    const position = await store.position();
    await store.decide({ user: blocked, device: null }, decision('block'), BY_TEST);
    const found = await store.lookup(user, phone);
    expect([...found.userDecisions, ...found.namesakeUserDecisions]).toHaveLength(1);
    expect(await namedIn(store, position)).toEqual(expect.arrayContaining(['alice.smith', 'asmith', 'asm']));
  });

  it('names every login that an imported block of an alias denies as changed', async () => {
    const store = await opened();
    const position = await store.position();
    const subject = { user: 'contoso\\asmith' as UserKey, device: null };
    await store.putImported('exchange', [{ ...subject, decision: decision('block') }]);
    expect((await store.lookup(user, phone)).importedDecisions).toHaveLength(1);
    expect(await namedIn(store, position)).toEqual(expect.arrayContaining(['alice.smith', 'asmith', 'asm']));
  });

  it('reads all names that a feed may report of a user: nobody is denied for having them', async () => {
    const store = await opened();
    const many = Array.from({ length: 64 }, (_, index) => `n${index}@contoso.com`);
    await store.putUsers([userReport('bob' as UserKey, { aliases: many })]);
    expect((await store.lookup('bob' as UserKey, phone)).unreadable).toBeUndefined();
  });
});
