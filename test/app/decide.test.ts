// Owns the promises of manual decisions as data: what a decision replaced, whom it covers, what looks like a mistake.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearDecision, decide } from '../../src/app/decide.ts';
import { WipeInTheWay } from '../../src/app/write-decision.ts';
import { explainAccess } from '../../src/app/explain-access.ts';
import { orderWipe, planWipe } from '../../src/app/wipe.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import type { AuditedChange } from '../../src/journal/audit-log.ts';
import { NOW, openOffice } from './office.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import { BY_TEST, UNAUDITED, decision, userReport } from '../support/servers/directory-records.ts';

let store: DirectoryStore;
beforeEach(async () => {
  store = await openOffice();
});
afterEach(() => store.close());

/** Writes decisions on two names that then turn out to be one user. */
async function decideOnTwoNames(): Promise<void> {
  const [alice, smith] = ['alice@contoso.com', 'a.smith@contoso.com'] as UserKey[];
  for (const user of [alice, smith])
    await decide(store, { device: 'good1', user }, decision('block'), BY_TEST, UNAUDITED);
  await store.putUsers([userReport(alice as UserKey, { aliases: [smith as UserKey] })]);
}

/** The store, as if the second decision to be replaced had been changed meanwhile. */
function withChangeAtSecond(): DirectoryStore {
  const refusing = Object.create(store) as DirectoryStore;
  let calls = 0;
  refusing.replaceDecision = async (...words) => (++calls === 1 ? store.replaceDecision(...words) : null);
  return refusing;
}

describe('a manual decision', () => {
  it('is in the audit also where a decision on another name of the user was changed meanwhile', async () => {
    const changes: AuditedChange[] = [];
    const audit = {
      record: async (change: AuditedChange) => {
        changes.push(change);
      },
    };
    const subject = { device: 'good1', user: 'alice@contoso.com' };
    const meanwhile = { code: 'EASGATE_CHANGED' };
    await decideOnTwoNames();
    await expect(
      decide(withChangeAtSecond(), subject, decision('allow'), BY_TEST, audit),
    ).rejects.toMatchObject(meanwhile);
    await expect(
      clearDecision(withChangeAtSecond(), subject, { ...BY_TEST, force: false }, audit),
    ).rejects.toMatchObject(meanwhile);
    expect(changes.map(({ operation }) => operation)).toEqual(['decide', 'clear']);
    expect(changes[1]?.before).toHaveLength(1);
  });

  it('says what it replaced and that it holds for every user of the device', async () => {
    const result = await decide(store, { device: 'LOST3' }, decision('quarantine'), BY_TEST, UNAUDITED);
    expect(result).toMatchObject({
      device: 'lost3',
      user: null,
      decision: { action: 'quarantine' },
      replaced: [{ user: null, decision: { action: 'block', reason: 'stolen' } }],
      covers: [{ kind: 'everyUser', seen: ['contoso\\bob'] }],
      warnings: [],
    });
  });

  it('on one user says for which logins it holds, and for which not', async () => {
    const allow = await decide(
      store,
      { device: 'good1', user: 'alice' },
      decision('allow'),
      BY_TEST,
      UNAUDITED,
    );
    expect(allow.covers).toEqual([
      { kind: 'exactLogin', user: 'alice' },
      { kind: 'notOtherSpellings', user: 'alice', seen: ['alice@contoso.com'] },
    ]);
    const block = await decide(
      store,
      { device: 'good1', user: 'alice@contoso.com' },
      decision('block'),
      BY_TEST,
      UNAUDITED,
    );
    expect(block.covers).toEqual([
      { kind: 'alikeLogins', user: 'alice@contoso.com', notOtherSuffixes: true, seen: [] },
    ]);
  });

  it('warns of ids and users that were never seen', async () => {
    expect((await decide(store, { device: 'typo' }, decision('block'), BY_TEST, UNAUDITED)).warnings).toEqual(
      [{ kind: 'unknownDevice', device: 'typo' }],
    );
    expect(
      (await decide(store, { device: 'good1', user: 'bob' }, decision('block'), BY_TEST, UNAUDITED)).warnings,
    ).toEqual([{ kind: 'unknownUser', device: 'good1', user: 'bob', seen: ['alice@contoso.com'] }]);
  });

  it('is refused over a wipe, which the error names', async () => {
    const refused = decide(store, { device: 'spare4' }, decision('allow'), BY_TEST, UNAUDITED);
    await expect(refused).rejects.toThrow(WipeInTheWay);
    await expect(refused).rejects.toMatchObject({
      code: 'EASGATE_WIPE_IN_PLACE',
      device: 'spare4',
      decided: { user: null, decision: { action: 'wipe' } },
    });
  });

  it.each([
    ['an id that is none', { device: 'no such id' }, 'EASGATE_DEVICE_ID'],
    ['a name that is none', { device: 'good1', user: 'a b#c' }, 'EASGATE_USER_NAME'],
  ])('is refused for %s', async (_what, subject, code) => {
    await expect(decide(store, subject, decision('block'), BY_TEST, UNAUDITED)).rejects.toMatchObject({
      code,
    });
  });

  it('taken back says what it was, and what is left', async () => {
    await decide(
      store,
      { device: 'lost3', user: 'contoso\\bob' },
      decision('quarantine'),
      BY_TEST,
      UNAUDITED,
    );
    expect(
      await clearDecision(store, { device: 'lost3' }, { ...BY_TEST, force: false }, UNAUDITED),
    ).toMatchObject({
      cleared: [{ user: null, decision: { action: 'block' } }],
      left: [{ user: 'contoso\\bob', decision: { action: 'quarantine' } }],
    });
    expect(
      await clearDecision(store, { device: 'lost3' }, { ...BY_TEST, force: false }, UNAUDITED),
    ).toMatchObject({
      cleared: [],
    });
  });
});

describe('a wipe', () => {
  const request = { device: 'good1', reason: 'stolen', accountOnly: false, allUsers: false };

  it('begins as a plan that writes nothing', async () => {
    const plan = await planWipe(store, request);
    expect(plan).toMatchObject({ device: 'good1', user: null, replaces: [], hasOutlookMobile: false });
    expect(plan.named.map(({ record }) => record.user)).toEqual(['alice@contoso.com']);
    expect((await store.getDevice(plan.device))?.decided.decision).toBeNull();
  });

  it('is ordered only when the device id is typed again, in any spelling', async () => {
    const plan = await planWipe(store, request);
    const order = (confirmation: string): Promise<unknown> =>
      orderWipe(store, plan, { owner: 'carol', via: 'test', confirmation }, UNAUDITED);
    await expect(order('good2')).rejects.toMatchObject({ code: 'EASGATE_WIPE_CONFIRM' });
    await expect(order('')).rejects.toMatchObject({ code: 'EASGATE_WIPE_CONFIRM' });
    expect(await order(' GOOD1 ')).toMatchObject({ action: 'wipe', owner: 'carol', reason: 'stolen' });
  });

  it('is not replaced by a decision that found none a moment before it was ordered', async () => {
    const plan = await planWipe(store, request);
    const ordering = Object.create(store) as DirectoryStore;
    let looks = 0;
    ordering.getDevice = async (device) => {
      const entry = await store.getDevice(device);
      // The first look is at the partnerships.
      if (++looks === 2)
        await orderWipe(store, plan, { owner: 'carol', via: 'test', confirmation: 'good1' }, UNAUDITED);
      return entry;
    };
    await expect(
      decide(ordering, { device: 'good1' }, decision('allow'), BY_TEST, UNAUDITED),
    ).rejects.toMatchObject({ code: 'EASGATE_CHANGED' });
    expect((await store.getDevice(plan.device))?.decided.decision).toMatchObject({ action: 'wipe' });
  });

  it('is not ordered when the decision changed since the plan', async () => {
    const plan = await planWipe(store, request);
    await store.decide({ user: null, device: plan.device }, decision('block'), BY_TEST);
    await expect(
      orderWipe(store, plan, { owner: 'carol', via: 'test', confirmation: 'good1' }, UNAUDITED),
    ).rejects.toMatchObject({
      code: 'EASGATE_CHANGED',
    });
    expect((await store.getDevice(plan.device))?.decided.decision).toMatchObject({ action: 'block' });
  });
});

describe('an explanation', () => {
  const policy = forEverybody(compileSimplePolicy({ notCompliant: 'block' }));

  it('has the user, the device, the verdict and the steps', async () => {
    const subject = { user: 'Alice@contoso.com', device: 'OLD2' };
    const found = await explainAccess(store, policy, subject, NOW);
    expect(found).toMatchObject({
      user: 'alice@contoso.com',
      device: 'old2',
      verdict: { action: 'block', reason: 'notCompliant' },
    });
    expect(found.steps.at(-1)).toMatchObject({ outcome: 'decides' });
  });
});
