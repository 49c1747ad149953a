// Owns the promise of policies as plain data: compiled elsewhere, they decide alike.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainFacts, forEverybody, withRollout } from '../../src/policy/active-policies.ts';
import type { ActivePolicies } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { readFacts } from '../../src/policy/engine/read-facts.ts';
import { plainPolicies, policiesFrom } from '../../src/policy/plain-policies.ts';

const NOW = Date.parse('2026-12-01T10:00:00Z');

const DOCUMENTS: readonly PolicyDocument[] = [
  {},
  { mode: 'reportOnly', rules: [{ match: { platform: 'android' }, action: 'block' }] },
  {
    lists: { staff: ['alice', 'bob'], models: { file: 'models.txt' } },
    targets: { include: { users: '@staff' } },
    rules: [{ name: 'old', match: { model: '@models' }, action: 'quarantine' }],
  },
  {
    grandfather: { firstSeenBefore: '2026-11-01', activeWithin: '30d', until: '2027-01-01' },
    limits: { devicesPerUser: 1, activeWithin: '10d' },
    unknownDevice: { action: 'block', hold: '10m' },
    compliance: [{ require: { compliant: true, minimumOs: { ios: '17.2' } }, grace: '3d' }],
    messages: { notCompliant: { en: 'Dear {user}' } },
  },
];

function compiled(document: PolicyDocument): ActivePolicies {
  const readList = (): readonly string[] => ['iPhone1*', 'SM-*'];
  const { policy, problems } = compilePolicy(document, { readList });
  if (policy === null) throw new Error(JSON.stringify(problems));
  return forEverybody(policy, 3);
}

const facts = fc.record({
  user: fc.record({
    names: fc.constantFrom(['alice'], ['bob', 'bobby'], ['carol']),
    groups: fc.constantFrom(null, ['pilot'], ['staff']),
  }),
  device: fc.option(
    fc.record({
      managed: fc.boolean(),
      compliant: fc.option(fc.boolean()),
      platform: fc.constantFrom('ios', 'android'),
      osVersion: fc.constantFrom('17.1', '17.4'),
      model: fc.constantFrom('iPhone15C2', 'SM-G900', 'Pixel'),
    }),
  ),
});
const document = fc.constantFrom(...DOCUMENTS);

describe('policies as plain data', () => {
  it('decide after a way to another thread as before, with every step alike', () => {
    fc.assert(
      fc.property(document, document, fc.boolean(), facts, (one, other, isPart, given) => {
        const everybody = compiled(one);
        const policies = isPart
          ? withRollout(everybody, compiled(other).live, { groups: ['Pilot'], share: 40 })
          : everybody;
        const found = policiesFrom(structuredClone(plainPolicies(policies)));
        const { by: _one, ...expected } = explainFacts(policies, readFacts(given, NOW));
        const { by, ...explained } = explainFacts(found, readFacts(given, NOW));
        expect(explained).toEqual(expected);
        expect(by.version).toBe(3);
      }),
      { numRuns: 200 },
    );
  });

  it('keep what a comparison changed about them: no grandfathering, and that they enforce', () => {
    const { live } = compiled({ ...DOCUMENTS[3], mode: 'reportOnly' });
    const changed = forEverybody({ ...live.policy, grandfather: null, reportOnly: false });
    const { policy } = policiesFrom(structuredClone(plainPolicies(changed))).live;
    expect([policy.grandfather, policy.reportOnly]).toEqual([null, false]);
    const kept = policiesFrom(structuredClone(plainPolicies(forEverybody(live.policy)))).live.policy;
    expect([kept.grandfather, kept.reportOnly]).toEqual([live.policy.grandfather, true]);
  });
});
