// Owns the promise that no decision and no policy is left without an entry in the audit: where the process ended in between, the entry is
// written from the history afterwards, once.
import { describe, expect, it } from 'vitest';
import { AFTERWARDS, SETTLED_MS } from '../../src/app/audit-completion.ts';
import { clearDecision, decide } from '../../src/app/decide.ts';
import { clearUser, decideUser } from '../../src/app/decide-user.ts';
import { abandonRollout } from '../../src/app/policy-rollout.ts';
import { addVersion, endShadow, promote, readPolicies, rollBack } from '../../src/app/policy-versions.ts';
import type { ToPlace } from '../../src/app/policy-versions.ts';
import { orderWipe, planWipe } from '../../src/app/wipe.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { UNAUDITED, decision, userReport } from '../support/servers/directory-records.ts';
import { LATER, block, by, openAudited, stopClock } from './audited-directory.ts';
import { seen } from './office.ts';

checkLeaks();

stopClock();

describe('a decision without an entry in the audit', () => {
  it('has one afterwards, with who, when and what, once', async () => {
    const { store, audit, complete, entries } = await openAudited();
    const now = Date.now();
    await decide(store, { device: 'LOST1' }, block, by(now), UNAUDITED);
    await decide(store, { device: 'KEPT2' }, block, by(now + 1), audit);
    expect(await complete(now + LATER + 1)).toBe(1);
    expect(await complete(now + LATER + 2)).toBe(0);
    const [kept, lost, ...others] = await entries();
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ device: 'kept2', subject: null });
    expect(lost).toEqual({
      at: now,
      by: 'ada',
      via: 'cli',
      operation: 'decide',
      device: 'lost1',
      user: null,
      subject: AFTERWARDS,
      before: null,
      after: { action: 'block', reason: 'stolen', expiresAt: null },
      comment: 'stolen',
    });
    expect(await store.notes.oldest(10, null)).toEqual([]);
  });

  it('is waited for: it may be about to be written', async () => {
    const { store, audit, complete, entries } = await openAudited();
    const now = Date.now();
    await decide(store, { device: 'LOST1' }, block, by(now), {
      record: async (change) => {
        expect(await complete(now + SETTLED_MS)).toBe(0);
        await audit.record(change);
      },
    });
    expect(await complete(now + LATER)).toBe(0);
    expect(await entries()).toHaveLength(1);
  });

  it('has one for each kind of change: on a user, a user on a device, taken back, a wipe', async () => {
    const { store, complete, entries } = await openAudited();
    const now = Date.now();
    await store.recordSeen([seen('alice', 'phone1', 0)]);
    await decideUser(store, 'bob', block, by(now), UNAUDITED);
    await clearUser(store, 'bob', by(now + 1), UNAUDITED);
    await decide(store, { device: 'PHONE1', user: 'alice' }, block, by(now + 2), UNAUDITED);
    await clearDecision(
      store,
      { device: 'PHONE1', user: 'alice' },
      { ...by(now + 3), force: false },
      UNAUDITED,
    );
    const request = { device: 'PHONE1', allUsers: true, accountOnly: false, reason: 'lost' };
    const plan = await planWipe(store, request);
    const how = { owner: 'ada', via: 'cli', confirmation: 'PHONE1' };
    const { decidedAt } = await orderWipe(store, plan, how, UNAUDITED);
    expect(await complete(decidedAt + LATER)).toBe(5);
    expect((await entries()).map(({ operation, device, user }) => [operation, device, user])).toEqual(
      expect.arrayContaining([
        ['wipe', 'phone1', null],
        ['clear', 'phone1', 'alice'],
        ['decide', 'phone1', 'alice'],
        ['clear', null, 'bob'],
        ['decide', null, 'bob'],
      ]),
    );
  });

  it('is not missed where one entry names several names of a user', async () => {
    const { store, audit, complete, entries } = await openAudited();
    const now = Date.now();
    await store.putUsers([userReport('alice@contoso.com' as UserKey, { aliases: ['alice'] })]);
    await store.replaceDecision(
      { device: 'phone1' as never, user: 'alice' as UserKey },
      null,
      decision('allow'),
      by(now),
    );
    await decide(store, { device: 'PHONE1', user: 'alice@contoso.com' }, block, by(now + 1), audit);
    expect(await complete(now + 1 + LATER)).toBe(1);
    expect((await entries()).map(({ user, after }) => [user, after])).toMatchObject([
      ['alice@contoso.com', { action: 'block' }],
      ['alice', { action: 'allow' }],
    ]);
  });

  it('has none where the change was not made after all', async () => {
    const { store, complete, entries } = await openAudited();
    const now = Date.now();
    const subject = { device: 'phone1' as never, user: null };
    await store.replaceDecision(subject, null, null, by(now));
    expect(await complete(now + LATER)).toBe(0);
    expect(await entries()).toEqual([]);
    expect(await store.notes.oldest(10, null)).toEqual([]);
  });

  it('keeps its note while the audit is away', async () => {
    const { store, journal, look } = await openAudited();
    const now = Date.now();
    await decide(store, { device: 'LOST1' }, block, by(now), UNAUDITED);
    await journal.close();
    expect(await look(now + LATER)).toEqual([0, expect.stringContaining('closed')]);
    expect(await store.notes.oldest(10, null)).toHaveLength(1);
  });
});

describe('a change of the policy without an entry in the audit', () => {
  const texts = { document: 'name: a\n', lists: {} };

  it('has one afterwards, each kind by its step', async () => {
    const { store, audit, complete, entries } = await openAudited();
    const now = Date.now();
    const add = async (at: number, to: ToPlace, sink = UNAUDITED): Promise<void> => {
      const version = { texts, name: 'a', comment: null, ...to };
      await addVersion(store, await readPolicies(store), version, by(at), sink);
    };
    await add(now, { place: 'live' });
    await add(now + 1, { place: 'live' }, audit);
    await rollBack(store, null, null, by(now + 2), UNAUDITED);
    await add(now + 3, { place: 'shadow' });
    await promote(store, await readPolicies(store), null, by(now + 4), UNAUDITED);
    await add(now + 5, { place: 'rollout', rollout: { groups: ['staff'], share: 10 } });
    const known = await readPolicies(store);
    await abandonRollout(store, { known, comment: null, author: by(now + 6), audit: UNAUDITED });
    await add(now + 7, { place: 'shadow' }, audit);
    await endShadow(store, by(now + 8), UNAUDITED);
    expect(await complete(now + 8)).toBe(0);
    expect(await complete(now + 8 + LATER)).toBe(7);
    expect(await complete(now + 9 + LATER)).toBe(0);
    const found = (await entries()).toReversed().map(({ operation, by: who }) => [operation, who]);
    expect(found).toEqual(
      [
        'policy_publish',
        'policy_publish',
        'policy_rollback',
        'policy_shadow',
        'policy_promote',
        'policy_rollout',
        'policy_rollout_abandon',
        'policy_shadow',
        'policy_shadow',
      ].map((operation) => [operation, 'ada']),
    );
  });
});
