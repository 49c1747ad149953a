// Owns the promises of every store about the versions of the policy: compared and set, announced in the change log.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { addVersion, endShadow, promote, readPolicies, rollBack } from '../../src/app/policy-versions.ts';
import { abandonRollout, finishRollout, widenRollout } from '../../src/app/policy-rollout.ts';
import type { RolloutChange } from '../../src/app/policy-rollout.ts';
import { policyHistory } from '../../src/app/policy-history.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import { UNAUDITED } from '../support/servers/directory-records.ts';

checkLeaks();

/** Two handles on one directory. */
const STORES: readonly [string, () => Promise<readonly [DirectoryStore, DirectoryStore]>][] = [
  [
    'embedded',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'easgate-policies-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const path = join(folder, 'directory.db');
      return [closeAtEnd(new EmbeddedStore(path)), closeAtEnd(new EmbeddedStore(path))];
    },
  ],
  [
    'redis',
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.kill());
      const open = (): Promise<RedisStore> =>
        RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });
      return [closeAtEnd(await open()), closeAtEnd(await open())];
    },
  ],
];

const BY = { by: 'carol', via: 'test', at: 1_000 };
const document = (name: string) => ({
  texts: { document: `name: ${name}`, parsed: { name }, lists: {} },
  name,
  comment: null,
});

describe.each(STORES)('versions of the policy in the %s store', (_kind, open) => {
  it('are none at first', async () => {
    const [store] = await open();
    expect(await readPolicies(store)).toMatchObject({ stored: null, state: { latest: 0, live: null } });
    expect(await store.policies.version(1)).toBeNull();
    expect(await policyHistory(store, 10)).toEqual([]);
  });

  it('are numbered, kept, and listed with the latest first', async () => {
    const [store, other] = await open();
    await addVersion(store, await readPolicies(store), { ...document('one'), place: 'live' }, BY, UNAUDITED);
    await addVersion(
      other,
      await readPolicies(other),
      { ...document('two'), place: 'shadow' },
      BY,
      UNAUDITED,
    );
    expect(await policyHistory(store, 10)).toMatchObject([
      { version: 2, name: 'two', author: 'carol', place: 'shadow' },
      { version: 1, name: 'one', at: 1_000, place: 'live' },
    ]);
  });

  it('are not added over a change that was not seen', async () => {
    const [store, other] = await open();
    const seen = await readPolicies(store);
    await addVersion(other, await readPolicies(other), { ...document('one'), place: 'live' }, BY, UNAUDITED);
    await expect(
      addVersion(store, seen, { ...document('two'), place: 'live' }, BY, UNAUDITED),
    ).rejects.toMatchObject({
      code: 'EASGATE_CHANGED',
    });
    expect((await policyHistory(store, 10)).map(({ name }) => name)).toEqual(['one']);
  });

  it('go from the shadow to live, and back', async () => {
    const [store] = await open();
    await addVersion(store, await readPolicies(store), { ...document('one'), place: 'live' }, BY, UNAUDITED);
    await addVersion(
      store,
      await readPolicies(store),
      { ...document('two'), place: 'shadow' },
      BY,
      UNAUDITED,
    );
    expect((await promote(store, await readPolicies(store), null, BY, UNAUDITED)).version).toBe(2);
    expect((await readPolicies(store)).state).toMatchObject({ live: 2, shadow: null });
    expect((await rollBack(store, null, null, BY, UNAUDITED)).version).toBe(1);
    expect((await readPolicies(store)).state).toMatchObject({ live: 1, latest: 2 });
    const nothing = { code: 'EASGATE_NOT_FOUND' };
    await expect(rollBack(store, null, null, BY, UNAUDITED)).rejects.toMatchObject(nothing);
    const known = await readPolicies(store);
    await expect(promote(store, known, null, BY, UNAUDITED)).rejects.toMatchObject({
      code: 'EASGATE_NO_SHADOW',
    });
    expect(await endShadow(store, BY, UNAUDITED)).toBeNull();
  });

  it('that were only in the shadow, or rolled back, are passed over by a rollback', async () => {
    const [store] = await open();
    const add = async (name: string, place: 'live' | 'shadow') =>
      addVersion(store, await readPolicies(store), { ...document(name), place }, BY, UNAUDITED);
    const back = async (to: number | null = null) => (await rollBack(store, to, null, BY, UNAUDITED)).version;
    await add('one', 'live');
    await add('tried', 'shadow');
    await add('bad', 'live');
    expect(await back()).toBe(1);
    await add('four', 'live');
    await add('five', 'live');
    expect([await back(), await back()]).toEqual([4, 1]);
    await expect(back()).rejects.toMatchObject({ code: 'EASGATE_NOT_FOUND' });
    expect([await back(5), await back()]).toEqual([5, 1]);
  });

  it('are promoted only as they were looked at', async () => {
    const [store, other] = await open();
    const add = async (name: string) =>
      addVersion(other, await readPolicies(other), { ...document(name), place: 'shadow' }, BY, UNAUDITED);
    await add('one');
    const seen = await readPolicies(store);
    await add('two');
    await expect(promote(store, seen, null, BY, UNAUDITED)).rejects.toMatchObject({
      code: 'EASGATE_CHANGED',
    });
    expect((await readPolicies(store)).state).toMatchObject({ live: null, shadow: 2 });
  });

  it('are rolled out to some users, then to more, then to everybody; a rollback goes back behind it', async () => {
    const [store, other] = await open();
    const change = async (at: number): Promise<RolloutChange> => ({
      known: await readPolicies(other),
      comment: null,
      author: { ...BY, at },
      audit: UNAUDITED,
    });
    await addVersion(store, await readPolicies(store), { ...document('one'), place: 'live' }, BY, UNAUDITED);
    const rollout = { groups: ['Pilot', ' pilot '], share: 5 };
    const two = { ...document('two'), place: 'rollout', rollout } as const;
    await addVersion(store, await readPolicies(store), two, { ...BY, at: 2_000 }, UNAUDITED);
    expect((await readPolicies(other)).state).toMatchObject({
      live: 1,
      rollout: { version: 2, groups: ['Pilot'], share: 5, since: 2_000, by: 'carol' },
    });
    await widenRollout(other, { groups: ['Board'], share: null }, await change(3_000));
    expect((await readPolicies(store)).state.rollout).toEqual({
      version: 2,
      groups: ['Pilot', 'Board'],
      share: 5,
      since: 2_000,
      changedAt: 3_000,
      by: 'carol',
    });
    await finishRollout(store, await change(4_000));
    expect((await readPolicies(other)).state).toMatchObject({ live: 2, rollout: null, earlier: [1] });
    expect(await policyHistory(store, 1)).toMatchObject([
      {
        place: 'live',
        rolledOutAt: 2_000,
        rolledOutTo: { groups: ['Pilot', 'Board'], share: 5 },
        publishedAt: 4_000,
        abandonedAt: null,
      },
    ]);
    expect((await rollBack(store, null, null, BY, UNAUDITED)).version).toBe(1);
  });

  it('have in the history why they were promoted, and when they were rolled back', async () => {
    const [store] = await open();
    const add = async (name: string, place: 'live' | 'shadow', comment: string) =>
      addVersion(store, await readPolicies(store), { ...document(name), place, comment }, BY, UNAUDITED);
    await add('one', 'live', 'the first');
    await add('two', 'shadow', 'a draft');
    await promote(store, await readPolicies(store), 'it proved good', { ...BY, at: 2_000 }, UNAUDITED);
    expect(await policyHistory(store, 2)).toMatchObject([
      { version: 2, place: 'live', comment: 'a draft', liveComment: 'it proved good', rolledBackAt: null },
      { version: 1, comment: 'the first', liveComment: null, rolledBackAt: null },
    ]);
    await rollBack(store, null, 'it did not', { ...BY, at: 3_000 }, UNAUDITED);
    expect(await policyHistory(store, 2)).toMatchObject([
      { version: 2, place: null, liveComment: 'it proved good', rolledBackAt: 3_000 },
      { version: 1, place: 'live', liveComment: 'it did not', rolledBackAt: null },
    ]);
    await rollBack(store, 2, null, { ...BY, at: 4_000 }, UNAUDITED);
    await add('three', 'live', 'the third');
    expect((await policyHistory(store, 3)).map(({ rolledBackAt }) => rolledBackAt)).toEqual([
      null,
      null,
      4_000,
    ]);
  });

  it('that are rolled out keep the live one in its place until the end, and are abandoned', async () => {
    const [store] = await open();
    const add = async (name: string, place: 'live' | 'shadow') =>
      addVersion(store, await readPolicies(store), { ...document(name), place }, BY, UNAUDITED);
    await add('one', 'live');
    await add('two', 'shadow');
    const extent = { groups: ['Pilot'], share: 0 };
    await promote(store, await readPolicies(store), null, { ...BY, at: 2_000 }, UNAUDITED, extent);
    expect((await readPolicies(store)).state).toMatchObject({
      live: 1,
      shadow: null,
      rollout: { version: 2 },
    });
    const refused = { code: 'EASGATE_ROLLOUT' };
    await expect(add('three', 'live')).rejects.toMatchObject(refused);
    await expect(rollBack(store, 1, null, BY, UNAUDITED)).rejects.toMatchObject(refused);
    await add('three', 'shadow');
    const shadowed = await readPolicies(store);
    await expect(promote(store, shadowed, null, BY, UNAUDITED)).rejects.toMatchObject(refused);
    await expect(promote(store, shadowed, null, BY, UNAUDITED, extent)).rejects.toMatchObject(refused);
    const change = { known: shadowed, comment: null, author: { ...BY, at: 3_000 }, audit: UNAUDITED };
    await abandonRollout(store, change);
    await expect(abandonRollout(store, change)).rejects.toMatchObject({ code: 'EASGATE_CHANGED' });
    const { state } = await readPolicies(store);
    expect(state).toMatchObject({ live: 1, rollout: null, shadow: 3 });
    await expect(finishRollout(store, { ...change, known: await readPolicies(store) })).rejects.toMatchObject(
      { code: 'EASGATE_NO_ROLLOUT' },
    );
    expect(await policyHistory(store, 3)).toMatchObject([
      { version: 3, place: 'shadow', shadowAt: 1_000, publishedAt: null },
      { version: 2, place: null, shadowAt: 1_000, rolledOutAt: 2_000, abandonedAt: 3_000, publishedAt: null },
      { version: 1, place: 'live', shadowAt: null, publishedAt: 1_000 },
    ]);
  });

  it.each([
    ['no one', { groups: [], share: 0 }],
    ['a group without a name', { groups: [' '], share: 0 }],
    ['a group with a control character in its name', { groups: ['a\u001b[2J'], share: 0 }],
    ['a part of a percent', { groups: [], share: 1.5 }],
    ['more than everybody', { groups: [], share: 101 }],
    ['too many groups', { groups: Array.from({ length: 51 }, (_, index) => `group ${index}`), share: 0 }],
  ])('are not rolled out to %s', async (_what, rollout) => {
    const [store] = await open();
    const added = { ...document('one'), place: 'rollout', rollout } as const;
    await expect(addVersion(store, await readPolicies(store), added, BY, UNAUDITED)).rejects.toMatchObject({
      code: 'EASGATE_ROLLOUT_EXTENT',
    });
    expect((await readPolicies(store)).stored).toBeNull();
  });

  it('are never rolled out to fewer users than before', async () => {
    const [store] = await open();
    const rollout = { groups: ['Pilot'], share: 30 };
    const added = { ...document('one'), place: 'rollout', rollout } as const;
    await addVersion(store, await readPolicies(store), added, BY, UNAUDITED);
    for (const more of [
      { groups: [], share: 29 },
      { groups: ['PILOT'], share: null },
      { groups: [], share: 30 },
    ])
      await expect(
        widenRollout(store, more, {
          known: await readPolicies(store),
          comment: null,
          author: BY,
          audit: UNAUDITED,
        }),
      ).rejects.toMatchObject({ code: 'EASGATE_ROLLOUT_EXTENT' });
  });

  it('are announced in the change log when those in use change', async () => {
    const [store, other] = await open();
    const position = await other.position();
    await addVersion(store, await readPolicies(store), { ...document('one'), place: 'live' }, BY, UNAUDITED);
    const { changes, trimmed } = await other.changesAfter(position);
    expect({ changes, trimmed }).toEqual({
      changes: [{ device: null, user: null, policy: true }],
      trimmed: false,
    });
  });
});
