// Owns the properties that hold for every policy and all facts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../../src/policy/compile/compiled-policy.ts';
import { evaluate, explain } from '../../../src/policy/engine/evaluate.ts';
import { readFacts } from '../../../src/policy/engine/read-facts.ts';
import type { Verdict } from '../../../src/policy/engine/verdict.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from '../../support/checks/fuzz-runs.ts';
import { NOW, documents, facts, ruleDocuments } from './arbitraries.ts';
import type { Json, Obj } from './oracle.ts';

/** Each run compiles a document or several. */
const OPTIONS = { numRuns: Math.ceil(FUZZ_RUNS / 10) };

function compiled(document: Obj): CompiledPolicy {
  const { policy, problems } = compilePolicy(document);
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (policy === null) throw new Error('no policy');
  return policy;
}

function decide(document: Obj, given: unknown): Verdict {
  return evaluate(compiled(document), readFacts(given, NOW));
}

function refuses({ action }: Verdict): boolean {
  return action !== 'allow';
}

/** A property of random documents and random facts. */
function forAll(holds: (document: Obj, given: Obj) => void): void {
  fc.assert(fc.property(fc.oneof(documents, ruleDocuments), facts, holds), OPTIONS);
}

const ANYONE = { names: ['alice@contoso.com'], groups: ['staff', 'board'], enabled: true };
const decisionOf = (action: string, more: Obj = {}): Obj => ({
  scope: 'device',
  action,
  by: 'admin',
  ...more,
});

const SEVERITY = ['warn', 'quarantine', 'block'];

const HOURS: Readonly<Record<string, number>> = { w: 168, d: 24, h: 1, m: 1 / 60, s: 1 / 3600 };
const hoursOf = (length: string): number => Number(length.slice(0, -1)) * (HOURS[length.at(-1) ?? ''] ?? 0);

/** Whether a compliance policy has a step that is milder than one before it. */
function getsMilder(compliance: unknown): boolean {
  if (!Array.isArray(compliance)) return false;
  return (compliance as { steps?: { after: string; action: string; mode?: string }[] }[]).some(
    ({ steps = [] }) => {
      const severities = steps
        .toSorted((a, b) => hoursOf(a.after) - hoursOf(b.after))
        .map(({ action, mode }) => (mode === 'reportOnly' ? 0 : SEVERITY.indexOf(action)));
      return severities.some((severity, index) => severity < Math.max(...severities.slice(0, index)));
    },
  );
}

describe('a policy', () => {
  it(
    'does not target an excluded user, whatever include says',
    () =>
      forAll((document, given) => {
        const targets = { include: { groups: ['staff'], users: ['*'] }, exclude: { groups: ['board'] } };
        const untargeted = decide(
          { ...document, targets, rules: [], untargeted: { action: 'block' }, mode: 'enforce' },
          { ...given, user: ANYONE, decisions: [] },
        );
        expect(untargeted).toMatchObject({ action: 'block', reason: 'notTargeted' });
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'gives a manual block precedence over everything except a wipe',
    () =>
      forAll((document, given) => {
        const user = { ...ANYONE };
        const decisions = [
          decisionOf('block'),
          decisionOf('allow', { scope: 'partnership' }),
          decisionOf('allow', { scope: 'user' }),
        ];
        expect(decide(document, { ...given, user, decisions })).toMatchObject({
          action: 'block',
          reason: 'individualRule',
        });
        const wiped = [...decisions, decisionOf('wipe', { wipe: { state: 'pending' } })];
        expect(decide(document, { ...given, user, decisions: wiped })).toMatchObject({
          action: 'wipe',
          reason: 'wipeRequested',
        });
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'ignores an expired decision',
    () =>
      forAll((document, given) => {
        const over = ['allow', 'block', 'quarantine'].flatMap((action) =>
          ['device', 'partnership', 'user'].map((scope) =>
            decisionOf(action, { scope, expiresAt: '2026-12-01T10:00:00Z' }),
          ),
        );
        const decisions = Array.isArray(given['decisions']) ? (given['decisions'] as Obj[]) : [];
        expect(decide(document, { ...given, decisions: [...over, ...decisions] })).toEqual(
          decide(document, { ...given, decisions }),
        );
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'never allows a phone because a requirement is not met',
    () =>
      forAll((document, given) => {
        const met = {
          managed: true,
          compliant: true,
          encrypted: true,
          compromised: false,
          managedMailProfile: true,
          lastCheckIn: '2026-12-01T10:00:00Z',
        };
        // Rules and conditions may use the same values, so the document has none.
        const strict = { ...document, rules: [], compliance: withoutConditions(document['compliance']) };
        // A later step that is milder than an earlier one allows a phone after some time, as the document says.
        if (getsMilder(strict.compliance)) return;
        const device = { ...(given['device'] as Obj | null), ...met, graceUntil: null };
        const before = decide(strict, { ...given, device });
        for (const worse of [
          { compliant: false },
          { encrypted: false },
          { compromised: true },
          { managedMailProfile: false },
          { lastCheckIn: '2020-01-01' },
        ]) {
          const after = decide(strict, { ...given, device: { ...device, ...worse } });
          if (refuses(before)) expect(refuses(after)).toBe(true);
        }
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'gives explain and decide the same result',
    () =>
      forAll((document, given) => {
        const policy = compiled(document);
        const read = readFacts(given, NOW);
        const { verdict, steps } = explain(policy, read);
        expect(verdict).toEqual(evaluate(policy, read));
        expect(steps.some(({ outcome }) => outcome === 'decides')).toBe(true);
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'does not depend on the order of groups, names, decisions or map keys',
    () =>
      forAll((document, given) => {
        expect(decide(reversed(document), reversedFacts(given))).toEqual(decide(document, given));
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'with mode reportOnly allows what a policy that allows everything allows',
    () =>
      forAll((document, given) => {
        const reporting = decide({ ...document, mode: 'reportOnly' }, given);
        const { disabledUsers = 'block' } = document;
        const allowing = decide({ disabledUsers, rules: [{ action: 'allow' }] }, given);
        expect(refuses(reporting)).toBe(refuses(allowing));
        if (refuses(reporting)) expect(reporting.reason).toBe(allowing.reason);
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'does not change before recheckAt',
    () =>
      forAll((document, given) => {
        const policy = compiled(document);
        const now = evaluate(policy, readFacts(given, NOW));
        const last = Math.min(now.recheckAt - 1, NOW + 400 * 86_400_000);
        for (const time of [Math.min(NOW + 1, last), Math.floor((NOW + last) / 2), last]) {
          const later = evaluate(policy, { ...readFacts(given, NOW), now: time });
          // The quarantine of a device that was never seen starts again with each evaluation.
          if (later.reason === 'awaitingReport' || later.wouldBe?.reason === 'awaitingReport') continue;
          expect({ ...later, recheckAt: 0 }).toEqual({ ...now, recheckAt: 0 });
        }
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'gives the same verdict for all requests with the same key',
    () =>
      forAll((document, given) => {
        const policy = compiled(document);
        const first = readFacts(given, NOW);
        const requests = [
          {},
          {
            userAgent: 'Apple-iPhone15C2/2105.219',
            protocolVersion: '16.1',
            address: '10.1.2.3',
            command: 'Sync',
          },
          {
            userAgent: 'Apple-iPhone9/1',
            protocolVersion: '16.1',
            address: '10.1.2.99',
            command: 'Ping',
            auth: 'basic',
          },
          {
            userAgent: 'Outlook-Android/2.0',
            protocolVersion: '14.1',
            address: '203.0.113.9',
            auth: 'certificate',
          },
        ].map((request) => ({ ...first, request: readFacts({ request }, NOW).request }));
        const byKey = new Map<number | string, Verdict>();
        for (const one of requests) {
          const key = policy.requestKey(one);
          const verdict = { ...evaluate(policy, one), recheckAt: 0 };
          expect(verdict).toEqual(byKey.get(key) ?? verdict);
          byKey.set(key, verdict);
        }
      }),
    FUZZ_TIMEOUT_MS,
  );

  it(
    'is total: any JSON gives a verdict',
    () =>
      fc.assert(
        fc.property(documents, fc.jsonValue(), mangled, (document, any, wrong) => {
          const policy = compiled(document);
          for (const given of [any, wrong]) {
            const read = readFacts(given, NOW);
            expect(evaluate(policy, read).action).toBeTypeOf('string');
            expect(policy.requestKey(read)).toBeDefined();
          }
        }),
        OPTIONS,
      ),
    FUZZ_TIMEOUT_MS,
  );

  it('never allows a phone because a value is unknown, even when refusals use not', () => {
    const rule = (action: string, match: Obj): Obj => ({ action, match });
    const careful = fc
      .record({
        field: fc.constantFrom('platform', 'model', 'osVersion', 'ownership', 'manufacturer'),
        value: fc.constantFrom('ios', 'Apple', 'company', '17*', 'iPhone*'),
        refusal: fc.constantFrom('block', 'quarantine'),
      })
      .map(({ field, value, refusal }) => ({
        rules: [rule(refusal, { [field]: { not: value } }), rule('allow', { [field]: value, managed: true })],
      }));
    fc.assert(
      fc.property(
        careful,
        facts,
        fc.constantFrom('platform', 'model', 'osVersion', 'ownership', 'managed', 'compliant'),
        (document, given, name) => {
          const { device } = given;
          if (typeof device !== 'object' || device === null) return;
          const before = decide(document, { ...given, decisions: [] });
          const partnership = { ...(given['partnership'] as Obj | undefined), told: {} };
          const hidden = { ...given, decisions: [], partnership, device: { ...device, [name]: null } };
          const bare = decide(document, { ...given, decisions: [], partnership });
          if (refuses(before) && refuses(bare)) expect(refuses(decide(document, hidden))).toBe(true);
        },
      ),
      OPTIONS,
    );
  });
});

/** Compliance policies for every device. */
function withoutConditions(compliance: Json | undefined): Json {
  if (!Array.isArray(compliance)) return [{ name: 'default', require: { compliant: true } }];
  return (compliance as Obj[]).map((policy) =>
    Object.fromEntries(Object.entries(policy).filter(([name]) => name !== 'match' && name !== 'except')),
  );
}

/** The same with every map's keys the other way round. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return (value as unknown[]).map(reversed) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, one]: [string, unknown]) => [key, reversed(one)]),
  ) as T;
}

function reversedFacts(given: Obj): Obj {
  const user = given['user'] as Obj | null | undefined;
  const turned = (value: unknown): never => (Array.isArray(value) ? value.toReversed() : value) as never;
  return reversed({
    ...given,
    decisions: turned(given['decisions']),
    ...(user && { user: { ...user, groups: turned(user['groups']), names: turned(user['names']) } }),
  });
}

/** Facts with values of wrong types in them. */
const mangled = fc.tuple(facts, fc.jsonValue(), fc.nat(), fc.nat()).map(([given, junk, part, name]) => {
  const parts = Object.keys(given);
  const chosen = parts[part % parts.length] ?? 'now';
  const value = given[chosen];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ...given, [chosen]: junk };
  const names = Object.keys(value);
  return { ...given, [chosen]: { ...value, [names[name % Math.max(1, names.length)] ?? 'x']: junk } };
});
