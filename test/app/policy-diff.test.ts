// Owns the promises of the comparison of two policies over the directory, and that its short way decides as a look-up does.
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { scanPartnerships } from '../../src/app/scan-partnerships.ts';
import { diffInThreads } from '../../src/app/diff-threads.ts';
import { withoutGrandfathering } from '../../src/app/policy-diff.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { UserNames } from '../../src/identity/user-names.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import { decideActive, forEverybody, withRollout } from '../../src/policy/active-policies.ts';
import type { ActivePolicies } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import {
  BY_TEST,
  decision,
  deviceReport,
  seenPartnership,
  userReport,
} from '../support/servers/directory-records.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const user = (name: string): UserKey => name as UserKey;
const device = (name: string): DeviceKey => name as DeviceKey;

function compiled(document: PolicyDocument): ActivePolicies {
  const { policy, problems } = compilePolicy(document);
  if (policy === null) throw new Error(JSON.stringify(problems));
  return forEverybody(policy);
}

function open(names?: UserNames): EmbeddedStore {
  const store = new EmbeddedStore(':memory:', names);
  onTestFinished(() => store.close());
  return store;
}

describe('the comparison of two policies', () => {
  it('counts who is kept out and let in newly, by reason, group, model and last activity', async () => {
    const store = open();
    await store.putUsers([userReport(user('alice'), { groups: ['sales'] })]);
    await store.putDevices([
      deviceReport(device('d1'), { compliant: false }),
      deviceReport(device('d2')),
      deviceReport(device('d3'), { managed: false }),
    ]);
    await store.recordSeen([
      seenPartnership(user('alice'), device('d1'), NOW - DAY / 2, { model: 'iPhone15C2' }),
      seenPartnership(user('bob'), device('d2'), NOW - 3 * DAY),
      seenPartnership(user('eve'), device('d3'), NOW - 40 * DAY),
    ]);
    const before = compiled({ compliance: [], noCompliancePolicy: { action: 'allow' } });
    const after = compiled({ notEnrolled: { action: 'allow' } });
    const found = await diffInThreads(store, null, { before, after, now: NOW });
    expect(found).toMatchObject({
      compared: 3,
      keptOut: { all: 1, lastDay: 1, lastWeek: 1, lastMonth: 1 },
      letIn: { all: 1, lastDay: 0, lastWeek: 0, lastMonth: 0 },
      byReason: [{ name: 'notCompliant', phones: { all: 1 } }],
      byGroup: [{ name: 'sales', phones: { all: 1 } }],
      byModel: [{ name: 'iPhone15C2', phones: { all: 1 } }],
    });
    expect(found.phones.map((phone) => phone.device)).toEqual(['d1', 'd3']);
  });

  it('counts phones that pass for a time apart, and lists whom a policy lets in because they were there before', async () => {
    const store = open();
    await store.putDevices([
      deviceReport(device('d1'), { compliant: false }),
      deviceReport(device('d2'), { compliant: false }),
      deviceReport(device('d3')),
    ]);
    await store.recordSeen(
      ['d1', 'd2', 'd3'].map((name, at) => ({
        ...seenPartnership(user(`u${at}`), device(name), NOW),
        firstSeen: name === 'd2' ? NOW - DAY : NOW - 50 * DAY,
        lastAllowed: NOW - DAY,
      })),
    );
    const strict = compiled({});
    const lenient = compiled({
      grandfather: {
        firstSeenBefore: new Date(NOW - 10 * DAY).toISOString(),
        activeWithin: '30d',
        until: new Date(NOW + 30 * DAY).toISOString(),
      },
    });
    const open1 = compiled({ compliance: [], noCompliancePolicy: { action: 'allow' } });
    const loosened = await diffInThreads(store, null, { before: strict, after: lenient, now: NOW });
    expect(loosened).toMatchObject({ letIn: { all: 0 }, letInForNow: { all: 1 }, keptOut: { all: 0 } });
    const tightened = await diffInThreads(store, null, { before: open1, after: lenient, now: NOW });
    expect(tightened).toMatchObject({ keptOut: { all: 1 }, keptOutLater: { all: 1 }, otherwise: { all: 0 } });
    const found = await diffInThreads(store, null, {
      before: lenient,
      after: withoutGrandfathering(lenient),
      now: NOW,
    });
    expect(found.phones.map((phone) => [phone.device, phone.after.reason])).toEqual([['d1', 'notCompliant']]);
    expect(found).toMatchObject({ keptOut: { all: 1 }, byReason: [{ name: 'notCompliant' }] });
  });

  it('finds nothing between a policy and itself', async () => {
    const store = open();
    await store.putDevices([deviceReport(device('d1'), { compliant: false })]);
    await store.recordSeen([seenPartnership(user('alice'), device('d1'), NOW)]);
    const policy = compiled({});
    expect(await diffInThreads(store, null, { before: policy, after: policy, now: NOW })).toMatchObject({
      compared: 1,
      phones: [],
    });
  });

  it('decides on each phone as a look-up does, whatever is stored', async () => {
    const names = [
      'alice',
      'alice@contoso.com',
      'contoso\\alice',
      'a.smith@contoso.com',
      'bob',
      'bob@contoso.com',
    ].map(user);
    const devices = ['d1', 'd2', 'd3'].map(device);
    const action = fc.constantFrom('allow' as const, 'block' as const, 'quarantine' as const);
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('seen' as const),
        user: fc.constantFrom(...names),
        device: fc.constantFrom(...devices),
        at: fc.integer({ min: 1, max: 99 }),
      }),
      fc.record({
        kind: fc.constant('report' as const),
        device: fc.constantFrom(...devices),
        compliant: fc.option(fc.boolean()),
      }),
      fc.record({
        kind: fc.constant('user' as const),
        user: fc.constantFrom(...names),
        source: fc.constantFrom('ad', 'entra', 'hr'),
        aliases: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
        groups: fc.constantFrom(['staff'], [], null),
        enabled: fc.option(fc.boolean()),
        removed: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('decide' as const),
        user: fc.option(fc.constantFrom(...names)),
        device: fc.option(fc.constantFrom(...devices)),
        action,
      }),
    );
    const withoutLimits = {
      targets: { include: { groups: ['staff'] } },
      rules: [{ match: { usersOnDevice: '> 1' }, action: 'quarantine' as const }],
    };
    const version = compiled({ rules: [{ name: 'new', action: 'block' }] }).live;
    const [counting, others] = [{ ...withoutLimits, limits: { devicesPerUser: 1 } }, withoutLimits].map(
      (document) => {
        const everybody = compiled(document);
        return [
          everybody,
          withRollout(everybody, version, { groups: ['Staff'], share: 0 }),
          withRollout(everybody, version, { groups: ['other'], share: 50 }),
        ];
      },
    );
    const booleans = [fc.boolean(), fc.boolean()] as const;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), ...booleans, async (steps, grouped, counts) => {
        const rolledOut = (counts ? counting : others) ?? [];
        const store = new EmbeddedStore(
          ':memory:',
          new UserNames(grouped ? [['contoso.com', 'contoso']] : []),
        );
        try {
          for (const [index, one] of steps.entries()) {
            if (one.kind === 'seen')
              await store.recordSeen([seenPartnership(one.user, one.device, one.at * DAY)]);
            else if (one.kind === 'report')
              await store.putDevices([
                deviceReport(one.device, { compliant: one.compliant, observedAt: index }),
              ]);
            else if (one.kind === 'user')
              await store.putUsers([
                userReport(one.user, {
                  source: one.source,
                  aliases: one.aliases,
                  groups: one.groups,
                  enabled: one.enabled,
                  ...(one.removed && { removed: true as const }),
                  observedAt: index,
                }),
              ]);
            else if (one.user !== null || one.device !== null)
              await store.decide({ user: one.user, device: one.device }, decision(one.action), BY_TEST);
          }
          for await (const part of scanPartnerships(store, NOW, counts))
            for (const member of part) {
              const found = await store.lookup(member.user, member.device);
              const login = { user: member.user, device: member.device, deviceType: 'iPhone' };
              for (const policies of rolledOut)
                expect(decideActive(policies, member.access, NOW)).toEqual(
                  decideActive(policies, readAccess(found, login, NOW), NOW),
                );
            }
        } finally {
          await store.close();
        }
      }),
      { numRuns: 300 },
    );
  });
});
