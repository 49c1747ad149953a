// Owns the scenario of the policy engine: CPU time of one decision with a large policy, in this process only.
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import { evaluate, explain } from '../../src/policy/engine/evaluate.ts';
import type { Facts } from '../../src/policy/engine/facts.ts';
import { readFacts } from '../../src/policy/engine/read-facts.ts';
import {
  GROUPS,
  PLATFORMS,
  PROTOCOLS,
  TYPES,
  compliancePolicies,
  pick,
  rules,
} from '../core/large-policy.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

const EXPRESSIONS = 10;
const FACTS = 512;
const NOW = Date.parse('2026-12-01T10:00:00Z');
const BATCH = 2_000;

function compiled(written: readonly object[]): CompiledPolicy {
  const { policy } = compilePolicy({
    targets: { include: { groups: GROUPS } },
    rules: written,
    compliance: compliancePolicies(),
  });
  if (policy === null) throw new Error('the policy of the benchmark has errors');
  return policy;
}

function factsOf(index: number): Facts {
  return readFacts(
    {
      user: {
        names: [`user${index}@contoso.com`],
        groups: [pick(GROUPS, index), pick(GROUPS, index * 5), pick(GROUPS, index * 13)],
        enabled: true,
      },
      device: {
        managed: true,
        compliant: index % 9 !== 0,
        encrypted: true,
        compromised: false,
        platform: pick(PLATFORMS, index),
        osVersion: `${12 + (index % 6)}.${index % 4}`,
        model: `iPhone1${index % 5},2`,
        lastCheckIn: '2026-11-30T08:00:00Z',
        attributes: { threat: 'secured' },
      },
      partnership: {
        deviceId: `device${index}`,
        deviceType: pick(TYPES, index),
        firstSeen: '2026-01-01T00:00:00Z',
        lastAllowed: '2026-12-01T00:00:00Z',
        usersOnDevice: 1,
        rank: 1,
      },
      request: {
        userAgent: 'Apple-iPhone15C2/2105.219',
        protocolVersion: pick(PROTOCOLS, index),
        address: '203.0.113.7',
        command: 'Sync',
        auth: 'basic',
      },
    },
    NOW,
  );
}

/** Measures decisions, decisions with expressions, and explanations, in turn. */
function measurePolicy({ rounds, seconds }: Effort): Record<string, Sample[]> {
  const expressions = Array.from({ length: EXPRESSIONS }, (_, index) => ({
    name: `expression ${index}`,
    when: `partnership.usersOnDevice > ${index + 2} && age(partnership.firstSeen) < duration("168h")`,
    action: 'block',
  }));
  const facts = Array.from({ length: FACTS }, (_, index) => factsOf(index));
  const plain = compiled(rules());
  const withExpressions = compiled([...rules(), ...expressions]);
  const calls: Readonly<Record<string, (facts: Facts) => unknown>> = {
    evaluate: (one) => evaluate(plain, one),
    'evaluate-10-cel': (one) => evaluate(withExpressions, one),
    explain: (one) => explain(plain, one),
  };
  const samples: Record<string, Sample[]> = {};
  for (const [name, call] of Object.entries(calls)) {
    cpuMicrosPerCall(call, facts, seconds / 2);
    samples[name] = [];
  }
  for (let round = 0; round < rounds; round++)
    for (const [name, call] of Object.entries(calls))
      samples[name]?.push({ cpuMicrosPerDecision: cpuMicrosPerCall(call, facts, seconds) });
  return samples;
}

function cpuMicrosPerCall(call: (facts: Facts) => unknown, facts: readonly Facts[], seconds: number): number {
  let count = 0;
  const start = process.cpuUsage();
  let used = 0;
  while (used < seconds * 1_000_000) {
    for (let index = 0; index < BATCH; index++) {
      const one = facts[index % FACTS];
      if (one === undefined || call(one) === null) throw new Error('nothing was decided');
    }
    count += BATCH;
    const { user, system } = process.cpuUsage(start);
    used = user + system;
  }
  return used / count;
}

export const POLICY_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    name: 'policy',
    text: 'one decision by a policy of 200 rules and 50 compliance policies; with ten CEL rules more; with every step kept',
    figure: 'cpuMicrosPerDecision',
    rivals: [],
    alone: measurePolicy,
    measure: () => Promise.resolve(),
  },
];
