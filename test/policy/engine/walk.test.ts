// Owns the promises of single steps of the evaluation, and of the fields of a verdict besides the action.
import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../../src/policy/compile/compiled-policy.ts';
import { evaluate, explain } from '../../../src/policy/engine/evaluate.ts';
import type { Facts } from '../../../src/policy/engine/facts.ts';
import { readFacts } from '../../../src/policy/engine/read-facts.ts';
import type { Verdict } from '../../../src/policy/engine/verdict.ts';

const NOW = Date.UTC(2026, 11, 1, 10);
const DAY = 86_400_000;

function policyOf(document: object): CompiledPolicy {
  const { policy, problems } = compilePolicy(document);
  if (policy === null) throw new Error(JSON.stringify(problems));
  return policy;
}

const factsOf = (facts: object): Facts => readFacts(facts, NOW);
const decide = (document: object, facts: object): Verdict => evaluate(policyOf(document), factsOf(facts));
const good = { managed: true, compliant: true, encrypted: true, platform: 'ios', osVersion: '18.1' };

describe('the evaluation', () => {
  it('requires a compliant device without a list of compliance policies, but not with an empty list', () => {
    expect(decide({}, { device: good })).toMatchObject({ action: 'allow', reason: 'compliant' });
    expect(decide({}, { device: { ...good, compliant: null } })).toMatchObject({
      action: 'quarantine',
      reason: 'notCompliant',
      rule: 'default',
      requirement: 'compliant',
    });
    expect(decide({ compliance: [] }, { device: good })).toMatchObject({ reason: 'noCompliancePolicy' });
  });

  it('gives no grace period to a device that a feed with a clock ahead reports as unmet', () => {
    const ahead = '2026-12-01T10:04:00Z';
    const device = {
      ...good,
      encrypted: false,
      osVersion: '15',
      reportedSince: ahead,
      unmetSince: { encrypted: ahead },
    };
    const minimum = { compliance: [{ require: { minimumOs: { ios: '17' } } }] };
    expect(decide(minimum, { device })).toMatchObject({ action: 'quarantine', reason: 'osTooOld' });
    const steps = [
      { after: '0d', action: 'quarantine' },
      { after: '1d', action: 'block' },
    ];
    expect(decide({ compliance: [{ require: { encrypted: true }, steps }] }, { device })).toMatchObject({
      action: 'quarantine',
      reason: 'notEncrypted',
      validUntil: Date.parse(ahead) + DAY,
    });
    const later = { compliance: [{ require: { encrypted: true }, from: '2026-12-02' }] };
    expect(decide(later, { device })).toMatchObject({ action: 'allow', reason: 'compliant' });
  });

  it('explains many decisions in time linear in their number', () => {
    let looks = 0;
    const decisions = Array.from({ length: 200 }, (_, index) => ({
      ...factsOf({ decisions: [{ scope: 'device', action: index === 7 ? 'quarantine' : 'allow' }] })
        .decisions[0],
      get scope() {
        looks++;
        return 'device' as const;
      },
    }));
    const facts = { ...factsOf({}), decisions } as Facts;
    const [states] = explain(policyOf({}), facts).steps.flatMap((step) =>
      step.step === 'otherDecision' ? [step.decisions.map(({ state }) => state)] : [],
    );
    expect(states?.indexOf('inForce')).toBe(7);
    expect(states?.filter((state) => state === 'outweighed')).toHaveLength(199);
    // Each step looks at every decision a few times, and so does its trace.
    expect(looks).toBeLessThan(200 * 100);
  });

  it('treats a compliant device whose grace period has ended as not compliant', () => {
    const document = { compliance: [{ name: 'a', require: { compliant: true }, grace: '72h' }] };
    const device = { ...good, graceUntil: '2026-12-01T10:00:00Z' };
    expect(decide(document, { device })).toMatchObject({
      action: 'allow',
      reason: 'inGracePeriod',
      since: NOW,
      validUntil: NOW + 3 * DAY,
    });
    const before = evaluate(policyOf(document), { ...factsOf({ device }), now: NOW - 1 });
    expect(before).toMatchObject({ reason: 'compliant', validUntil: null, recheckAt: NOW });
  });

  it('prefers the strictest due step, then the order of policies, then the order of requirements', () => {
    const policy = (name: string, action: string, require: object): object => ({ name, action, require });
    const bad = {
      managed: true,
      compliant: false,
      encrypted: false,
      compromised: true,
      attributes: { b: 1, a: 1 },
    };
    const all = { compliant: true, encrypted: true, compromised: false, attributes: { b: 2, a: 2 } };
    const one = (...compliance: object[]): Verdict => decide({ compliance }, { device: bad });
    expect(one(policy('a', 'quarantine', all), policy('b', 'block', { encrypted: true }))).toMatchObject({
      action: 'block',
      rule: 'b',
      requirement: 'encrypted',
    });
    expect(one(policy('a', 'block', { encrypted: true }), policy('b', 'block', all))).toMatchObject({
      rule: 'a',
    });
    expect(one(policy('a', 'block', all))).toMatchObject({
      reason: 'compromised',
      requirement: 'compromised',
    });
    expect(one(policy('a', 'block', { attributes: { b: 2, a: 2 } }))).toMatchObject({
      requirement: 'attributes.a',
    });
  });

  it('ignores an imported decision when an operator decided in the same scope', () => {
    const imported = { scope: 'device', action: 'block', source: 'exchange' };
    const own = { scope: 'device', action: 'allow', source: null };
    expect(decide({}, { decisions: [imported] })).toMatchObject({
      action: 'block',
      reason: 'individualRule',
    });
    expect(decide({}, { decisions: [imported, own] })).toMatchObject({
      action: 'allow',
      reason: 'individualRule',
    });
    expect(decide({}, { decisions: [{ ...imported, scope: 'partnership' }, own] })).toMatchObject({
      action: 'block',
    });
  });

  it('carries out no wipe that was ordered by a feed or for a user', () => {
    const wipe = { action: 'wipe', wipe: { state: 'pending' } };
    expect(decide({}, { decisions: [{ ...wipe, scope: 'device', source: 'exchange' }] }).action).toBe(
      'quarantine',
    );
    expect(decide({}, { decisions: [{ ...wipe, scope: 'user' }] }).action).toBe('quarantine');
    expect(decide({}, { decisions: [{ ...wipe, scope: 'device' }] }).action).toBe('wipe');
    const done = { scope: 'partnership', action: 'accountWipe', wipe: { state: 'acknowledged' } };
    expect(decide({}, { decisions: [done] })).toMatchObject({ action: 'block', reason: 'wiped' });
  });

  it('reports the first refusal that is not enforced (reportOnly, or not yet in force), and continues', () => {
    const document = {
      rules: [
        { name: 'soon', action: 'block', from: '2026-12-24' },
        { name: 'seen', action: 'quarantine', mode: 'reportOnly' },
      ],
    };
    expect(decide(document, { device: good })).toMatchObject({
      action: 'allow',
      reason: 'compliant',
      wouldBe: { action: 'block', reason: 'deviceRule', rule: 'soon' },
      recheckAt: Date.UTC(2026, 11, 24),
    });
  });
});

describe('a verdict', () => {
  it('has the text for its requirement, else for its reason, else the default text', () => {
    const messages = {
      encrypted: { en: 'encrypt it' },
      notCompliant: { en: 'comply' },
      default: { en: 'ask us' },
    };
    const compliance = [{ name: 'a', require: { encrypted: true, compliant: true } }];
    const text = (device: object | null): unknown => decide({ messages, compliance }, { device }).message;
    expect(text({ ...good, encrypted: false })).toEqual({ en: 'encrypt it' });
    expect(text({ ...good, compliant: false })).toEqual({ en: 'comply' });
    expect(text(null)).toEqual({ en: 'ask us' });
    expect(text(good)).toBeNull();
  });

  it('has the time since which it applies', () => {
    const partnership = { firstSeen: '2026-11-01T00:00:00Z' };
    expect(decide({}, { partnership }).since).toBe(Date.UTC(2026, 10, 1));
    const device = { managed: true, compliant: false, unmetSince: { compliant: '2026-11-20T00:00:00Z' } };
    expect(decide({}, { device }).since).toBe(Date.UTC(2026, 10, 20));
    expect(
      decide({}, { decisions: [{ scope: 'user', action: 'block', decidedAt: '2026-11-30' }] }).since,
    ).toBe(Date.UTC(2026, 10, 30));
  });
});

describe('a compiled policy', () => {
  it('keeps one bit for each condition on the request, and none of its values', () => {
    const policy = policyOf({
      rules: [
        { name: 'a', match: { network: '10.0.0.0/8', deviceType: 'x' }, action: 'allow' },
        { name: 'b', match: { network: '10.0.0.0/8' }, action: 'allow' },
        {
          name: 'c',
          match: { network: { not: '10.0.0.0/8' } },
          except: { command: 'Ping' },
          action: 'block',
        },
        { name: 'd', when: 'request.auth == "basic"', action: 'allow' },
      ],
    });
    expect(policy.requestConditions.map(({ field }) => field)).toEqual([
      'network',
      'network',
      'command',
      'when',
    ]);
    const key = (request: object): number | string => policy.requestKey(factsOf({ request }));
    expect(key({ address: '10.1.1.1', command: 'Sync', auth: 'basic' })).toBe(0b1001);
    expect(key({ address: '10.2.2.2', command: 'FolderSync', auth: 'basic' })).toBe(0b1001);
    expect(key({ address: '192.0.2.1', command: 'Ping' })).toBe(0b0110);
    expect(key({})).toBe(0b0100);
    expect(policyOf({}).requestKey(factsOf({}))).toBe(0);
  });

  it('supports any number of conditions in its key', () => {
    const rules = Array.from({ length: 60 }, (_, index) => ({
      name: `${index}`,
      match: { userAgent: `*${index}x*` },
      action: 'block',
    }));
    const policy = policyOf({ rules });
    const keys = rules.map((_, index) =>
      policy.requestKey(factsOf({ request: { userAgent: `-${index}x-` } })),
    );
    expect(new Set(keys).size).toBe(60);
  });

  it('decides correctly for values beyond the capacity of its tables', () => {
    const policy = policyOf({
      rules: [{ name: 'a', match: { deviceType: 't*7' }, action: 'block' }],
      compliance: [],
    });
    for (let index = 0; index < 1_500; index++) {
      const facts = factsOf({ partnership: { deviceType: `t${index}` }, user: { groups: [`g${index}`] } });
      expect(evaluate(policy, facts).action).toBe(index % 10 === 7 ? 'block' : 'quarantine');
    }
  });

  it('explains a rule up to its first condition that fails', () => {
    const policy = policyOf({
      rules: [{ name: 'a', match: { platform: 'android', osVersion: '< 12' }, action: 'block' }],
    });
    const { steps } = explain(policy, factsOf({ device: good }));
    expect(steps.find(({ step }) => step === 'rule')).toEqual({
      step: 'rule',
      outcome: 'goesOn',
      rule: 'a',
      index: 0,
      state: 'doesNotMatch',
      match: [[{ field: 'platform', wanted: 'android', found: 'ios', holds: false }]],
      except: [],
      when: null,
    });
  });
});
