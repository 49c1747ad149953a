// Owns the promises of the policy: the order of rules, expiry, and that explain is the same walk.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, explain } from '../../src/policy/evaluate.ts';
import type { ManualDecision, Policy, PolicyFacts } from '../../src/policy/model.ts';

const policy: Policy = { unknownDevice: 'quarantine', notEnrolled: 'quarantine', notCompliant: 'block' };
const nothing: PolicyFacts = {
  now: 1_000,
  partnershipDecision: null,
  deviceDecision: null,
  aliasDecisions: [],
  device: null,
};
const by = (action: ManualDecision['action'], expiresAt: number | null = null): ManualDecision => ({
  action,
  owner: 'admin',
  reason: null,
  decidedAt: 1,
  expiresAt,
});
const decide = (facts: Partial<PolicyFacts>) => evaluate(policy, { ...nothing, ...facts });

describe('evaluate', () => {
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
      'a device whose alias is blocked',
      { deviceDecision: by('allow'), aliasDecisions: [{ alias: 'x', decision: by('block') }] },
      'block',
      'individualRule',
    ],
    [
      'a device whose alias is allowed',
      { aliasDecisions: [{ alias: 'x', decision: by('allow') }] },
      'quarantine',
      'unknownDevice',
    ],
    ['an allow that expired', { deviceDecision: by('allow', 1_000) }, 'quarantine', 'unknownDevice'],
  ] as const)('%s', (_name, facts, action, reason) => {
    expect(decide(facts)).toMatchObject({ action, reason });
  });

  it('is valid until the next decision expires', () => {
    expect(decide({ deviceDecision: by('allow', 5_000) }).validUntil).toBe(5_000);
    expect(decide({ deviceDecision: by('allow') }).validUntil).toBe(Infinity);
  });

  const decision = fc.option(
    fc.record({
      action: fc.constantFrom('allow', 'block', 'quarantine'),
      owner: fc.constant('admin'),
      reason: fc.constant(null),
      decidedAt: fc.constant(1),
      expiresAt: fc.option(fc.integer({ min: 0, max: 2_000 })),
    }),
  );
  const flag = fc.constantFrom(true, false, null);
  const facts: fc.Arbitrary<PolicyFacts> = fc.record({
    now: fc.constant(1_000),
    partnershipDecision: decision,
    deviceDecision: decision,
    aliasDecisions: fc.array(
      fc.record({ alias: fc.constant('a'), decision: decision.filter((found) => found !== null) }),
      { maxLength: 2 },
    ),
    device: fc.option(fc.record({ managed: flag, compliant: flag })),
  });

  it('never allows what is neither compliant nor allowed by hand', () => {
    fc.assert(
      fc.property(facts, (given) => {
        if (evaluate(policy, given).action !== 'allow') return;
        const live = [given.partnershipDecision, given.deviceDecision].some(
          (found) => found?.action === 'allow' && (found.expiresAt ?? Infinity) > given.now,
        );
        expect(live || (given.device?.managed === true && given.device.compliant === true)).toBe(true);
      }),
    );
  });

  it('never lets a live block of the device pass', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const blocked = { ...given, deviceDecision: by('block') };
        expect(evaluate(policy, blocked).action).toBe('block');
      }),
    );
  });

  it('is what explain comes to, with one step that matched', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { verdict, steps } = explain(policy, given);
        expect(verdict).toEqual(evaluate(policy, given));
        expect(steps.filter((step) => step.matched)).toHaveLength(1);
      }),
    );
  });
});
