// Threat: a member of a group that a stricter version is rolled out to signs in under another name, or waits until no feed knows its
// groups any more, to be decided by the laxer version; or somebody whom no feed knows gets what a laxer version allows its pilot group.
import { expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { KnownUsers } from '../../src/app/known-users.ts';
import { userReports } from '../../src/app/known-records.ts';
import { RunUsers } from '../../src/app/user-changes.ts';
import type { GroupLine } from '../../src/feeds/record.ts';
import { UserNames } from '../../src/identity/user-names.ts';
import type { RolloutExtent } from '../../src/model/policy-version.ts';
import { forEverybody, placeOf, withRollout } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import { deviceReport, phone, userReport } from '../support/servers/directory-records.ts';
import { ROOMY } from '../support/servers/cache-options.ts';

function compiled(action: 'allow' | 'block'): CompiledPolicy {
  const { policy } = compilePolicy({ rules: [{ name: action, action }] });
  if (policy === null) throw new Error('the policy is broken');
  return policy;
}

const user = (name: string): UserKey => name as UserKey;
const [LAX, STRICT] = [compiled('allow'), compiled('block')];
const alice = user('alice@contoso.com');

/** What a user is decided while a version is rolled out to a group and a share. */
async function decisions(
  live: CompiledPolicy,
  version: CompiledPolicy,
  extent: RolloutExtent = { groups: ['pilot'], share: 0 },
) {
  const store = new EmbeddedStore(':memory:', new UserNames([['contoso.com', 'contoso']]));
  onTestFinished(() => store.close());
  await store.putDevices([deviceReport(phone)]);
  await store.putUsers([
    userReport(alice, { groups: ['Pilot'], aliases: ['asmith'] }),
    userReport(user('bob@contoso.com'), { groups: ['Staff'] }),
  ]);
  const cache = new VerdictCache(store, live, ROOMY);
  onTestFinished(() => cache.stop());
  cache.usePolicies(withRollout(forEverybody(live, 1), { policy: version, version: 2 }, extent));
  const ask = async (name: string) => (await cache.decide(user(name), phone)).verdict?.action;
  return { store, ask };
}

it.each(['alice@contoso.com', 'contoso\\alice', 'asmith'])(
  'a member is decided by the stricter version as %s',
  async (name) => {
    const { ask } = await decisions(LAX, STRICT);
    expect(await ask(name)).toBe('block');
    expect(await ask('bob@contoso.com')).toBe('allow');
  },
);

it('a name that no feed knows is decided by the stricter version, whichever that is', async () => {
  for (const [live, version] of [
    [LAX, STRICT],
    [STRICT, LAX],
  ] as const) {
    const { ask } = await decisions(live, version);
    for (const name of ['alice@elsewhere.example', 'east\\alice', 'nobody'])
      expect(await ask(name)).toBe('block');
  }
});

it('a member whose groups no feed knows any more does not get the laxer version', async () => {
  const { store, ask } = await decisions(LAX, STRICT);
  await store.putUsers([userReport(alice, { groups: null, observedAt: Date.now() })]);
  expect(await ask('alice@contoso.com')).toBe('block');
});

it('a member who is in so many other groups that this one does not fit does not get the laxer version', async () => {
  const { store, ask } = await decisions(LAX, STRICT);
  const own = Array.from({ length: 1_100 }, (_, number) => `! made by alice ${number}`);
  const now = Date.now();
  const report = (groups: readonly string[], observedAt: number) => userReport(alice, { groups, observedAt });
  const group = (id: string, members: string[]): GroupLine => ({ type: 'group', line: 1, source: '', id, sourceId: null, members, problems: [] }); // prettier-ignore
  await store.putUsers([report(['Pilot', ...own], now - 3_000)]);
  expect(await ask('alice@contoso.com')).toBe('block');
  // A run that brings single groups, as by a cursor, does not know the others: leaving some makes no whole list of those that are kept.
  const [known] = (await store.getUser(alice))?.reports ?? [];
  const before = new KnownUsers();
  if (known !== undefined) before.set(known);
  const users = new RunUsers(before, () => userReports(store, known?.source ?? ''));
  for (const id of own.slice(0, 200)) users.addGroup(group(id, []));
  users.addGroup(group('Board', [alice]));
  const run = { source: known?.source ?? '', readAt: now - 2_000, removesUsers: false, removesGroups: false };
  const { releases, touched } = await users.changes(run);
  const observations = (await Array.fromAsync(releases())).flat();
  expect(observations).toHaveLength(1);
  expect(touched.map(({ what }) => what)).not.toContain('members of the group …');
  await store.putUsers(observations);
  expect(await ask('alice@contoso.com')).toBe('block');
  await store.putUsers([report(['Staff'], now - 1_000)]);
  expect(await ask('alice@contoso.com')).toBe('allow');
});

it.each([
  ['inside', Math.ceil(placeOf('bob')), 'block'],
  ['outside', Math.floor(placeOf('bob')), 'allow'],
])('every spelling of a name is %s a share with the name itself', async (_side, share, action) => {
  const { ask } = await decisions(LAX, STRICT, { groups: [], share });
  const names = ['bob@contoso.com', 'contoso\\bob', 'bob@elsewhere.example', 'east\\bob', 'bób@contoso.com'];
  expect(await Promise.all(names.map(ask))).toEqual(names.map(() => action));
});
