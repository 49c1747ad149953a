// Owns the promises of a roll-out on single decisions: who is inside, that others get the verdict of the live policy, and that a wider
// roll-out leaves nobody out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideAccess, explainRecords } from '../../src/policy/access.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import {
  choiceOf,
  decideActive,
  explainActive,
  forEverybody,
  placeOf,
  withRollout,
} from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import type { AccessRecords } from '../../src/policy/access-records.ts';
import type { RolloutExtent } from '../../src/model/policy-version.ts';
import type { Verdict } from '../../src/model/verdict.ts';

const NOW = Date.parse('2026-12-01T10:00:00Z');

function compiled(document: PolicyDocument): CompiledPolicy {
  const { policy, problems } = compilePolicy(document);
  if (policy === null) throw new Error(JSON.stringify(problems));
  return policy;
}

const DOCUMENTS = [
  {},
  { unknownDevice: { action: 'allow' }, compliance: [], noCompliancePolicy: { action: 'allow' } },
  {
    unknownDevice: { action: 'block' },
    rules: [{ name: 'no staff', match: { groups: ['staff'] }, action: 'block' }],
  },
  { mode: 'reportOnly', notEnrolled: { action: 'block' } },
  {
    compliance: [{ require: { checkInWithin: '30d' }, grace: '3d' }],
    unknownDevice: { action: 'quarantine', hold: '10m' },
  },
].map((document) => compiled(document as PolicyDocument));

const NAMES = ['alice', 'CONTOSO\\bob', 'carol@contoso.com', 'straße', 'dora@example.com'];
const GROUPS = ['Pilot', 'STAFF', 'staff', 'Ödipus', 'board'];

const policies = fc.constantFrom(...DOCUMENTS);
const extents: fc.Arbitrary<RolloutExtent> = fc.record({
  groups: fc.subarray(GROUPS),
  share: fc.integer({ min: 0, max: 100 }),
});
const logins = fc.record({
  user: fc.constantFrom(...NAMES),
  groups: fc.option(fc.subarray(GROUPS.map((group) => group.toLowerCase()))),
  device: fc.option(
    fc.record({
      managed: fc.option(fc.boolean()),
      compliant: fc.option(fc.boolean()),
      lastCheckIn: fc.constantFrom(null, NOW - 29 * 86_400_000, NOW - 31 * 86_400_000),
    }),
  ),
});

function accessOf({ user, groups, device }: typeof logins extends fc.Arbitrary<infer T> ? T : never) {
  const records: AccessRecords = {
    user,
    userRecord: groups === null ? null : { aliases: [], groups, enabled: true, attributes: {} },
    partnershipDecision: null,
    deviceDecision: null,
    namesakeDecisions: [],
    device,
  };
  return readAccess(records, { user, device: 'phone1', deviceType: null }, NOW);
}

const bytes = (verdict: Verdict): string => JSON.stringify(verdict);
const STRICTNESS = ['allow', 'quarantine', 'block'];

describe('a roll-out', () => {
  it('gives users inside the verdict of its version, and users outside that of the live policy, byte for byte', () => {
    fc.assert(
      fc.property(policies, policies, extents, logins, (live, version, extent, login) => {
        const active = withRollout(forEverybody(live, 1), { policy: version, version: 2 }, extent);
        const access = accessOf(login);
        const isInGroup = (login.groups ?? []).some((group) =>
          extent.groups.some((one) => one.toLowerCase() === group),
        );
        const isInside = isInGroup || placeOf(login.user) < extent.share;
        const verdict = bytes(decideActive(active, access, NOW));
        const [ofLive, ofVersion] = [live, version].map((policy) => decideAccess(policy, access, NOW));
        if (isInside) expect(verdict).toBe(bytes(ofVersion as Verdict));
        else if (login.groups !== null || extent.groups.length === 0)
          expect(verdict).toBe(bytes(ofLive as Verdict));
        else {
          const strictest = Math.max(
            ...[ofLive, ofVersion].map((one) => STRICTNESS.indexOf(one?.action ?? '')),
          );
          expect(STRICTNESS.indexOf(decideActive(active, access, NOW).action)).toBe(strictest);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('never puts a user back when it is widened', () => {
    fc.assert(
      fc.property(extents, fc.subarray(GROUPS), fc.nat(100), logins, (extent, groups, more, login) => {
        const rolledOut = ({ groups: named, share }: RolloutExtent) =>
          withRollout(
            forEverybody(DOCUMENTS[0] as CompiledPolicy),
            { policy: DOCUMENTS[1] as CompiledPolicy, version: 2 },
            { groups: named, share },
          );
        const wider = {
          groups: [...extent.groups, ...groups],
          share: Math.min(100, extent.share + more),
        };
        const isInside = (one: RolloutExtent): boolean =>
          ['group', 'share'].includes(choiceOf(rolledOut(one), accessOf(login)).why);
        if (isInside(extent)) expect(isInside(wider)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('decides for a user whose groups no feed knows by the stricter of both, until either changes', () => {
    const [, open, strict] = DOCUMENTS as [CompiledPolicy, CompiledPolicy, CompiledPolicy];
    const access = accessOf({ user: 'alice', groups: null, device: null });
    for (const [live, version] of [
      [open, strict],
      [strict, open],
    ] as const) {
      const active = withRollout(
        forEverybody(live, 1),
        { policy: version, version: 2 },
        { groups: ['pilot'], share: 0 },
      );
      expect(decideActive(active, access, NOW)).toMatchObject({ action: 'block', reason: 'unknownDevice' });
      expect(explainActive(active, access, NOW)).toMatchObject({
        choice: { why: 'groupsUnknown' },
        by: { version: live === strict ? 1 : 2 },
      });
    }
    const held = DOCUMENTS[4] as CompiledPolicy;
    const active = withRollout(
      forEverybody(strict),
      { policy: held, version: 2 },
      { groups: ['pilot'], share: 0 },
    );
    const { validUntil } = decideAccess(held, access, NOW);
    expect(validUntil).toBeLessThan(Infinity);
    expect(decideActive(active, access, NOW).validUntil).toBe(validUntil);
  });

  it('is explained with the policy that decides, why, and its steps', () => {
    const [live, version] = DOCUMENTS as [CompiledPolicy, CompiledPolicy];
    const access = accessOf({ user: 'alice', groups: ['pilot'], device: null });
    const explained = (groups: string[]) =>
      explainActive(
        withRollout(forEverybody(live, 1), { policy: version, version: 2 }, { groups, share: 0 }),
        access,
        NOW,
      );
    expect(explained(['Pilot'])).toMatchObject({
      ...explainRecords(version, access, NOW),
      choice: { why: 'group', group: 'Pilot' },
      by: { version: 2 },
    });
    expect(explained(['staff'])).toMatchObject({
      ...explainRecords(live, access, NOW),
      choice: { why: 'outside' },
      by: { version: 1 },
    });
  });
});

describe('the place of a user among all', () => {
  it('is the same for every spelling of the name', () => {
    for (const name of ['alice', 'ALICE', 'CONTOSO\\Alice', 'alice@contoso.com', 'Alice@example.com'])
      expect(placeOf(name)).toBe(placeOf('alice'));
    expect(placeOf('straße')).toBe(placeOf('STRASSE'));
  });

  it('is the same in every version of the program', () => {
    expect(['alice', 'bob', 'carol', ''].map((name) => Math.floor(placeOf(name) * 1_000))).toEqual([
      91_438, 97_401, 49_168, 66_892,
    ]);
  });

  it('is spread evenly', () => {
    const places = Array.from({ length: 20_000 }, (_, index) => placeOf(`user${index}`));
    for (const share of [1, 10, 50, 99]) {
      const inside = places.filter((place) => place < share).length / 200;
      expect(Math.abs(inside - share)).toBeLessThan(1);
    }
  });
});
