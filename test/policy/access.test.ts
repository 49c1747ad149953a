// Owns the promises of the decision on an access: which records decide it, expiry, and that explain takes the same steps.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideAccess, explainRecords } from '../../src/policy/access.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import { plainPolicies, policiesFrom } from '../../src/policy/plain-policies.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import { isOpenWipe } from '../../src/model/wipe.ts';
import { noteTold, settleWipe, underSpelling } from '../../src/policy/wipe.ts';
import type { AccessDecision, WipeDecision, WipeProgress } from '../../src/model/decision.ts';
import type { AccessRecords } from '../../src/policy/access-records.ts';

const policy = compileSimplePolicy({ notCompliant: 'block' });
const NOW = 1_000;
const nothing: AccessRecords = {
  partnershipDecision: null,
  deviceDecision: null,
  namesakeDecisions: [],
  device: null,
};
const by = (action: AccessDecision['action'], expiresAt: number | null = null): AccessDecision => ({
  action,
  owner: 'admin',
  reason: null,
  decidedAt: 1,
  expiresAt,
});
/** The user's entry in a wipe whose order was sent. */
const named = { user: 'alice', spellings: ['phone1'], toldAt: 600 };
const wipe = (
  state: WipeProgress['state'],
  action: WipeDecision['action'] = 'wipe',
  requestedAt = 500,
): WipeDecision => ({
  action,
  owner: 'admin',
  reason: 'stolen',
  decidedAt: requestedAt,
  expiresAt: null,
  wipe: {
    requestedAt,
    state,
    partnerships: [named],
    acknowledgedBy: state === 'pending' ? null : 'alice',
    acknowledgedAt: state === 'pending' ? null : 700,
    deviceStatus: state === 'pending' ? null : state === 'failed' ? 2 : 1,
  },
});
const accessOf = (records: AccessRecords) =>
  readAccess(records, { user: 'alice', device: 'phone1', deviceType: null }, NOW);
const evaluate = (by: CompiledPolicy, records: AccessRecords) => decideAccess(by, accessOf(records), NOW);
const explain = (by: CompiledPolicy, records: AccessRecords) => explainRecords(by, accessOf(records), NOW);
const decide = (records: Partial<AccessRecords>) => evaluate(policy, { ...nothing, ...records });

describe('a decision on an access', () => {
  it.each(['block', 'quarantine'] as const)(
    'does not name the user of a %s on another name in its rule, because the rule is logged',
    (action) => {
      const facts = { namesakeDecisions: [{ user: 'x\\alice', decision: by(action) }] };
      expect(decide(facts)).toMatchObject({ action, rule: 'decision on another name by admin' });
      const steps = explain(policy, { ...nothing, ...facts }).steps;
      expect(JSON.stringify(steps)).toContain('x\\\\alice');
    },
  );

  it.each([
    ['a compliant device', { device: { managed: true, compliant: true } }, 'allow', 'compliant'],
    [
      'a device that is not compliant',
      { device: { managed: true, compliant: false } },
      'block',
      'notCompliant',
    ],
    [
      'a device whose compliance nobody reported',
      { device: { managed: true, compliant: null } },
      'block',
      'notCompliant',
    ],
    [
      'a device that is not managed',
      { device: { managed: false, compliant: true } },
      'quarantine',
      'notEnrolled',
    ],
    [
      'a device no feed said anything of',
      { device: { managed: null, compliant: null } },
      'quarantine',
      'unknownDevice',
    ],
    ['an unknown device', {}, 'quarantine', 'unknownDevice'],
    ['an unknown device allowed by hand', { deviceDecision: by('allow') }, 'allow', 'individualRule'],
    [
      'a compliant device blocked by hand',
      { device: { managed: true, compliant: true }, deviceDecision: by('block') },
      'block',
      'individualRule',
    ],
    [
      'a user allowed on a quarantined device',
      { partnershipDecision: by('allow'), deviceDecision: by('quarantine') },
      'allow',
      'individualRule',
    ],
    [
      'a user allowed on a blocked device',
      { partnershipDecision: by('allow'), deviceDecision: by('block') },
      'block',
      'individualRule',
    ],
    [
      'a user blocked on an allowed device',
      { partnershipDecision: by('block'), deviceDecision: by('allow') },
      'block',
      'individualRule',
    ],
    [
      'a user blocked under another name',
      { partnershipDecision: by('allow'), namesakeDecisions: [{ user: 'x\\a', decision: by('block') }] },
      'block',
      'individualRule',
    ],
    [
      'a user allowed under another name',
      { namesakeDecisions: [{ user: 'x\\a', decision: by('allow') }] },
      'quarantine',
      'unknownDevice',
    ],
    [
      'a user quarantined under another name, on an allowed device',
      {
        deviceDecision: by('allow'),
        partnershipDecision: by('allow'),
        namesakeDecisions: [{ user: 'x\\a', decision: by('quarantine') }],
      },
      'quarantine',
      'individualRule',
    ],
    [
      'a user quarantined under another name, and blocked under this one',
      { partnershipDecision: by('block'), namesakeDecisions: [{ user: 'x\\a', decision: by('quarantine') }] },
      'block',
      'individualRule',
    ],
    [
      'a user whose block under another name expired',
      { namesakeDecisions: [{ user: 'x\\a', decision: by('block', 1_000) }] },
      'quarantine',
      'unknownDevice',
    ],
    ['an allow that expired', { deviceDecision: by('allow', 1_000) }, 'quarantine', 'unknownDevice'],
  ] as const)('%s', (_name, facts, action, reason) => {
    expect(decide(facts)).toMatchObject({ action, reason });
  });

  it('is valid until the next expiry of a decision', () => {
    expect(decide({ deviceDecision: by('allow', 5_000) }).validUntil).toBe(5_000);
    expect(decide({ deviceDecision: by('allow') }).validUntil).toBe(Infinity);
  });

  const access = fc.option(
    fc.record({
      action: fc.constantFrom('allow', 'block', 'quarantine'),
      owner: fc.constant('admin'),
      reason: fc.constant(null),
      decidedAt: fc.constant(1),
      expiresAt: fc.option(fc.integer({ min: 0, max: 2_000 })),
    }),
  );
  const decision = fc.oneof(
    { arbitrary: access, weight: 2 },
    fc
      .tuple(fc.constantFrom('pending', 'acknowledged', 'failed'), fc.constantFrom('wipe', 'accountWipe'))
      .map(([state, action]) => wipe(state, action)),
  );
  const flag = fc.constantFrom(true, false, null);
  const facts: fc.Arbitrary<AccessRecords> = fc.record({
    partnershipDecision: decision,
    deviceDecision: decision,
    namesakeDecisions: fc.array(
      fc.record({ user: fc.constant('x\\a'), decision: decision.filter((found) => found !== null) }),
      { maxLength: 2 },
    ),
    decidedFor: fc.constantFrom('alice', null),
    deviceWipe: fc.constantFrom(named, null),
    partnershipWipe: fc.constantFrom(named, null),
    device: fc.option(fc.record({ managed: flag, compliant: flag })),
  });

  it('never allows a device that is neither compliant nor allowed by a manual decision', () => {
    let allowed = 0;
    fc.assert(
      fc.property(facts, (given) => {
        if (evaluate(policy, given).action !== 'allow') return;
        allowed++;
        const live = [given.partnershipDecision, given.deviceDecision].some(
          (found) => found?.action === 'allow' && (found.expiresAt ?? Infinity) > NOW,
        );
        expect(live || (given.device?.managed === true && given.device.compliant === true)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    expect(allowed).toBeGreaterThan(0);
  });

  it('never allows a device with a block in force', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const blocked = { ...given, deviceDecision: by('block') };
        const told = given.partnershipWipe !== null && isOpenWipe(given.partnershipDecision);
        expect(evaluate(policy, blocked).action).toBe(told ? given.partnershipDecision?.action : 'block');
      }),
    );
  });

  it('wipes only the partnerships that the operator’s order names', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { action, wipe: order } = evaluate(policy, given);
        const orders = [
          given.deviceWipe === null ? null : given.deviceDecision,
          given.partnershipWipe === null ? null : given.partnershipDecision,
        ];
        const open = orders.find(isOpenWipe);
        if (open === undefined)
          expect([action === 'wipe' || action === 'accountWipe', order]).toEqual([false, undefined]);
        else expect([action, order?.requestedAt]).toEqual([open.action, open.wipe.requestedAt]);
      }),
    );
  });

  it('never allows a wiped device', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const verdict = evaluate(policy, { ...given, deviceDecision: wipe('acknowledged') });
        expect(verdict.action).not.toBe('allow');
      }),
    );
  });

  it('equals the result of explain, which has exactly one matching step', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { verdict, steps } = explain(policy, given);
        expect(verdict).toEqual(evaluate(policy, given));
        expect(steps.filter(({ outcome }) => outcome === 'decides')).toHaveLength(1);
      }),
    );
  });
});

describe('a wipe', () => {
  const compliant = { device: { managed: true, compliant: true } };

  it.each(['wipe', 'accountWipe'] as const)('is sent while it is pending or failed: %s', (action) => {
    for (const state of ['pending', 'failed'] as const) {
      expect(
        decide({
          ...compliant,
          partnershipDecision: wipe(state, action),
          partnershipWipe: named,
          decidedFor: 'alice',
        }),
      ).toEqual({
        action,
        reason: 'wipeRequested',
        rule: 'partnership wipe by admin',
        validUntil: Infinity,
        wipe: {
          decidedFor: 'alice',
          user: 'alice',
          spellings: ['phone1'],
          told: true,
          requestedAt: 500,
          readAt: 1_000,
          elsewhere: {
            action: 'block',
            reason: 'wipeRequested',
            rule: 'partnership wipe by admin, for others',
            validUntil: Infinity,
          },
        },
      });
    }
  });

  it('blocks the device once it is acknowledged', () => {
    for (const facts of [
      { deviceDecision: wipe('acknowledged'), partnershipDecision: by('allow') },
      { partnershipDecision: wipe('acknowledged'), deviceDecision: by('allow') },
    ]) {
      const verdict = decide({ ...compliant, ...facts });
      expect(verdict).toMatchObject({ action: 'block', reason: 'wiped' });
      expect(verdict.wipe).toBeUndefined();
    }
  });

  it('of the device takes precedence over all other decisions', () => {
    const verdict = decide({
      deviceDecision: wipe('pending'),
      deviceWipe: named,
      partnershipDecision: wipe('pending', 'accountWipe', 600),
      partnershipWipe: named,
      namesakeDecisions: [{ user: 'x\\a', decision: by('block') }],
    });
    expect(verdict).toMatchObject({ action: 'wipe', wipe: { decidedFor: null, requestedAt: 500 } });
  });

  it('of the partnership takes precedence over a block of the device', () => {
    const facts = { partnershipDecision: wipe('pending'), partnershipWipe: named, decidedFor: 'alice' };
    const verdict = decide({ deviceDecision: by('block'), ...facts });
    expect(verdict).toMatchObject({ action: 'wipe', wipe: { decidedFor: 'alice' } });
  });

  it('of a partnership is carried out even when the wipe of the device does not name it', () => {
    const orders = { deviceDecision: wipe('pending'), partnershipDecision: wipe('pending', 'accountWipe') };
    expect(decide({ ...orders, partnershipWipe: named })).toMatchObject({ action: 'accountWipe' });
  });

  it.each(['wipe', 'accountWipe'] as const)(
    'blocks partnerships that it does not name, without an order: %s',
    (action) => {
      for (const facts of [
        { deviceDecision: wipe('pending') },
        { partnershipDecision: wipe('failed', action) },
      ]) {
        const verdict = decide({ ...compliant, ...facts });
        expect(verdict).toMatchObject({ action: 'block', reason: 'wipeRequested' });
        expect(verdict.wipe).toBeUndefined();
      }
    },
  );

  it('is sent under the device id spellings that it names and blocks the device under others', () => {
    const verdict = decide({ ...compliant, deviceDecision: wipe('pending'), deviceWipe: named });
    expect(underSpelling(verdict, 'phone1')).toBe(verdict);
    const elsewhere = underSpelling(verdict, '70686f6e6531');
    expect(elsewhere).toMatchObject({ action: 'block', reason: 'wipeRequested' });
    expect(elsewhere.wipe).toBeUndefined();
    const blocked = decide({ deviceDecision: by('block') });
    expect(underSpelling(blocked, '70686f6e6531')).toBe(blocked);
  });

  it.each([
    ['pending', 'wipeRequested'],
    ['failed', 'wipeRequested'],
    ['acknowledged', 'wiped'],
  ] as const)('on another name of the user only blocks: %s', (state, reason) => {
    const verdict = decide({ ...compliant, namesakeDecisions: [{ user: 'x\\a', decision: wipe(state) }] });
    expect(verdict).toMatchObject({ action: 'block', reason });
    expect(verdict.wipe).toBeUndefined();
  });

  it('is explained with its progress', () => {
    const { steps } = explain(policy, { ...nothing, deviceDecision: wipe('failed'), deviceWipe: named });
    expect(steps).toMatchObject([
      {
        step: 'openWipe',
        outcome: 'decides',
        decisions: [
          {
            scope: 'device',
            action: 'wipe',
            by: 'admin',
            reason: 'stolen',
            progress:
              'failed 1970-01-01T00:00:00.700Z, status 2; asked again (requested 1970-01-01T00:00:00.500Z, answered by alice)',
          },
        ],
      },
    ]);
  });

  it('with a time outside the range of dates is still decided and explained', () => {
    const facts = { ...nothing, deviceDecision: wipe('pending', 'wipe', 1e300), deviceWipe: named };
    expect(JSON.stringify(explain(policy, facts).steps[0])).toContain('pending since 1e+300');
  });
});

describe('the answer to a wipe', () => {
  const outcome = { requestedAt: 500, user: 'alice', status: 1, at: 900 } as const;

  it('settles an open wipe', () => {
    for (const state of ['pending', 'failed'] as const) {
      expect(settleWipe(wipe(state), outcome)?.wipe).toEqual({
        requestedAt: 500,
        partnerships: [named],
        state: 'acknowledged',
        acknowledgedAt: 900,
        deviceStatus: 1,
        acknowledgedBy: 'alice',
      });
      expect(settleWipe(wipe(state), { ...outcome, status: 2 })?.wipe).toMatchObject({
        state: 'failed',
        acknowledgedAt: 900,
        deviceStatus: 2,
      });
    }
  });

  it.each([
    ['no decision', null],
    ['a block', by('block')],
    ['an acknowledged wipe', wipe('acknowledged')],
    ['another wipe', wipe('pending', 'wipe', 501)],
  ])('does not change %s', (_what, decision) => {
    expect(settleWipe(decision, outcome)).toBeNull();
    expect(noteTold(decision, outcome)).toBeNull();
  });

  it('counts only from a partnership that the wipe names, after the order was sent to it', () => {
    const order = wipe('pending');
    expect(settleWipe(order, { ...outcome, user: 'bob' })).toBeNull();
    const untold = { ...order, wipe: { ...order.wipe, partnerships: [{ ...named, toldAt: null }] } };
    expect(settleWipe(untold, outcome)).toBeNull();
    expect(noteTold(untold, { ...outcome, user: 'bob' })).toBeNull();
    const sent = noteTold(untold, { ...outcome, at: 600 });
    expect(sent).toEqual(order);
    expect(noteTold(sent, { ...outcome, at: 700 })).toBe(sent);
    expect(settleWipe(sent, outcome)?.wipe.state).toBe('acknowledged');
  });
});

describe('what a verdict tells the phone’s user', () => {
  const bad = { managed: true, compliant: false, compliantUnmetSince: 300 };

  it('has the requirements that are not met, the same as the operator sees', () => {
    const facts = { ...nothing, device: { ...bad, unmetRequirements: ['encryption', 'minimumOs'] } };
    expect(evaluate(policy, facts).requirement).toBe('encryption, minimumOs');
    const { steps } = explain(policy, facts);
    expect(steps.at(-1)).toMatchObject({
      step: 'compliancePolicy',
      requirements: [{ requirement: 'compliant', state: 'unmet' }],
    });
  });

  it('has no requirements when none were reported, or when they are not the reason', () => {
    expect(decide({ device: bad }).requirement).toBeUndefined();
    const unmetRequirements = ['encryption'];
    for (const device of [
      { managed: true, compliant: true, unmetRequirements },
      { managed: false, compliant: false, unmetRequirements },
    ]) {
      expect(decide({ device }).requirement).toBeUndefined();
    }
  });

  it.each([
    ['since its state is as it is', { device: bad }, 300],
    ['since it is not managed', { device: { ...bad, managed: false, managedUnmetSince: 300 } }, 300],
    ['since it was first seen, when no feed knows it', { partnership: { firstSeen: 200, model: null } }, 200],
    ['since the operator decided', { deviceDecision: by('quarantine') }, 1],
    ['at no time anybody knows', {}, undefined],
  ])('says that the device is blocked %s', (_when, facts, since) => {
    expect(decide(facts).since).toBe(since);
  });

  it('has the name that the device reported, else the name from its feed', () => {
    const device = { ...bad, model: 'Pixel 8' };
    expect(decide({ device }).model).toBe('Pixel 8');
    expect(decide({ device, partnership: { firstSeen: 1, model: null } }).model).toBe('Pixel 8');
    expect(decide({ device, partnership: { firstSeen: 1, model: 'shiba' } }).model).toBe('shiba');
    expect(decide({}).model).toBeUndefined();
  });

  it('is the same for an allowed phone before and after its first contact', () => {
    const open = compileSimplePolicy({ unknownDevice: 'allow', notCompliant: 'block' });
    const partnership = { firstSeen: 200, model: 'shiba' };
    expect(evaluate(open, { ...nothing, partnership })).toEqual(evaluate(open, nothing));
  });
});

describe('the three actions of a configuration', () => {
  const open = compileSimplePolicy({ unknownDevice: 'allow', notEnrolled: 'allow', notCompliant: 'allow' });

  it.each([
    ['unknownDevice', null],
    ['notEnrolled', { managed: false, compliant: null }],
    ['notCompliant', { managed: true, compliant: false }],
    // Never reported.
    ['notCompliant', { managed: true, compliant: null }],
    ['compliant', { managed: true, compliant: true }],
  ] as const)('that allow have the true reason: %s of %j', (reason, device) => {
    const records = { ...nothing, device };
    const allowed = { action: 'allow', reason };
    expect(evaluate(open, records)).toMatchObject(allowed);
    expect(explain(open, records).verdict).toMatchObject({ action: 'allow', reason });
    // In another thread, too, which compares policies.
    const elsewhere = policiesFrom(structuredClone(plainPolicies(forEverybody(open))));
    expect(evaluate(elsewhere.live.policy, records)).toMatchObject(allowed);
  });
});

describe('the facts of an access', () => {
  const partnership = { firstSeen: 100, lastAllowed: 900, model: null };
  const compiled = (document: PolicyDocument): CompiledPolicy => {
    const { policy: found, problems } = compilePolicy(document);
    if (found === null) throw new Error(JSON.stringify(problems));
    return found;
  };
  const decided = (document: PolicyDocument, records: Partial<AccessRecords>, now = NOW) =>
    decideAccess(compiled(document), accessOf({ ...nothing, user: 'alice', ...records }), now);
  const managed = { managed: true, compliant: true };

  it('hold the groups, state and attributes that feeds report of the user', () => {
    const userRecord = {
      aliases: ['alice@example.com'],
      groups: ['Staff'],
      enabled: true,
      attributes: { employeeType: 'contractor' },
    };
    const document: PolicyDocument = {
      rules: [
        {
          name: 'contractors',
          match: { groups: ['staff'], userAttributes: { employeeType: 'contractor' } },
          action: 'block',
        },
      ],
    };
    expect(decided(document, { userRecord, device: managed })).toMatchObject({
      action: 'block',
      reason: 'deviceRule',
    });
    expect(decided(document, { userRecord: { ...userRecord, enabled: false } }).reason).toBe('userDisabled');
    expect(decided({ targets: { include: { users: ['alice@example.com'] } } }, { userRecord }).reason).toBe(
      'unknownDevice',
    );
  });

  it('leave the groups unknown when no feed knows the user', () => {
    expect(decided({ targets: { include: { groups: ['staff'] } } }, {}).reason).toBe('unknownDevice');
    const userRecord = { aliases: [], groups: [], enabled: null, attributes: {} };
    expect(decided({ targets: { include: { groups: ['staff'] } } }, { userRecord }).reason).toBe(
      'notTargeted',
    );
  });

  it('hold decisions on the user, under the exact name and others that may be it', () => {
    expect(
      decided({}, { device: managed, userDecisions: [{ user: 'alice', decision: by('block') }] }),
    ).toMatchObject({
      action: 'block',
      rule: 'user decision by admin',
    });
    const namesakes = [{ user: 'x\\alice', decision: by('allow') }];
    expect(decided({}, { namesakeUserDecisions: namesakes }).reason).toBe('unknownDevice');
    const blocked = [{ user: 'x\\alice', decision: by('block') }];
    expect(decided({}, { device: managed, namesakeUserDecisions: blocked })).toMatchObject({
      action: 'block',
    });
  });

  it('let an imported decision yield to an operator', () => {
    const importedDecisions = [{ source: 'exchange', device: 'phone1', user: null, decision: by('block') }];
    expect(decided({}, { device: managed, importedDecisions })).toMatchObject({
      action: 'block',
      rule: 'device decision imported from exchange',
    });
    expect(decided({}, { importedDecisions, deviceDecision: by('allow') })).toMatchObject({
      action: 'allow',
    });
  });

  it('rank the device among those that the user was allowed with lately, by first seen', () => {
    const day = 86_400_000;
    const now = 200 * day;
    const devices = [
      { device: 'old', firstSeen: 1 * day, lastAllowed: 10 * day },
      { device: 'first', firstSeen: 2 * day, lastAllowed: 190 * day },
      { device: 'phone1', firstSeen: 3 * day, lastAllowed: 199 * day },
      { device: 'never', firstSeen: 4 * day, lastAllowed: null },
    ];
    const limit = (devicesPerUser: number): PolicyDocument => ({ limits: { devicesPerUser } });
    const records = { device: managed, partnership, userDevices: devices, usersOnDevice: 1 };
    expect(decided(limit(2), records, now).action).toBe('allow');
    expect(decided(limit(1), records, now).reason).toBe('tooManyDevices');
    const unrecorded = { ...records, partnership: null, userDevices: devices.slice(0, 2) };
    expect(decided(limit(1), unrecorded, now).reason).toBe('tooManyDevices');
    expect(decided(limit(2), unrecorded, now).action).toBe('allow');
  });

  it('count users on the device, and changes of the User-Agent within a day', () => {
    const document: PolicyDocument = {
      rules: [
        { name: 'shared', match: { usersOnDevice: '> 2' }, action: 'block' },
        { name: 'changing', match: { userAgentChanges: '>= 2' }, action: 'quarantine' },
      ],
    };
    expect(decided(document, { device: managed, usersOnDevice: 3, partnership }).rule).toBe('rule "shared"');
    const agentChanges = [NOW - 90_000_000, NOW - 20, NOW - 10];
    const changing = { device: managed, usersOnDevice: 1, partnership: { ...partnership, agentChanges } };
    expect(decided(document, changing).rule).toBe('rule "changing"');
    expect(decided(document, changing, NOW + 86_400_000).action).toBe('allow');
  });

  it('prefer what feeds say of platform and version to the words of the system', () => {
    const document: PolicyDocument = { compliance: [{ name: 'os', require: { minimumOs: { ios: '17' } } }] };
    const device = { ...managed, os: 'iOS 15', platform: 'ios', osVersion: '17.4' };
    expect(decided(document, { device }).action).toBe('allow');
    expect(decided(document, { device: { ...device, osVersion: null } }).reason).toBe('osTooOld');
  });
});
