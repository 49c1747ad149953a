// Owns how rules and compliance policies are shown in a trace: what each condition wanted and found. It decides nothing.
import { anyHolds } from '../compile/alternatives.ts';
import type { CompiledCompliancePolicy, Requirement } from '../compile/compliance.ts';
import type { CompiledPolicy } from '../compile/compiled-policy.ts';
import type { Condition } from '../compile/conditions.ts';
import { textsMatch } from '../compile/matcher.ts';
import type { CompiledRule } from '../compile/rules.ts';
import type { Scene } from '../compile/scene.ts';
import { timingOf } from './compliance-step.ts';
import type { ComplianceOutcome } from './compliance-step.ts';
import type { AlternativesTrace, ConditionTrace, Outcome, RequirementTrace, TraceNode } from './trace.ts';

/** A rule that was looked at. */
export function traceRule(rule: CompiledRule, scene: Scene, decides: boolean): TraceNode {
  const state = stateOfRule(rule, scene);
  const reported = (state === 'notYet' || state === 'reportOnly') && rule.action !== 'allow';
  return {
    step: 'rule',
    outcome: decides ? 'decides' : reported ? 'reported' : 'goesOn',
    rule: rule.name,
    index: rule.index,
    state,
    match: traceAlternatives(rule.match, scene),
    except: traceAlternatives(rule.except, scene),
    when: rule.when === null ? null : { expression: rule.when.text, holds: rule.when.holds(scene) },
  };
}

function stateOfRule(rule: CompiledRule, scene: Scene): Extract<TraceNode, { step: 'rule' }>['state'] {
  if (rule.until !== null && rule.until <= scene.now) return 'over';
  if (!anyHolds(rule.match, scene)) return 'doesNotMatch';
  if (anyHolds(rule.except, scene)) return 'excepted';
  if (rule.when !== null && !(rule.when.holds(scene) ?? rule.action !== 'allow')) return 'doesNotMatch';
  if (rule.from !== null && rule.from > scene.now) return 'notYet';
  return rule.reportOnly ? 'reportOnly' : 'matches';
}

/** The compliance policies, deployed or not. */
export function traceCompliance(
  policy: CompiledPolicy,
  scene: Scene,
  outcome: ComplianceOutcome,
): TraceNode[] {
  return policy.compliance.map((one) => traceCompliancePolicy(one, scene, outcome));
}

function traceCompliancePolicy(
  policy: CompiledCompliancePolicy,
  scene: Scene,
  { refusal, grace, reported }: ComplianceOutcome,
): TraceNode {
  const state = stateOfPolicy(policy, scene);
  const deployed = state === 'deployed' || state === 'notYet' || state === 'reportOnly';
  const deciding = refusal ?? grace;
  const outcome: Outcome =
    deployed && deciding?.policy === policy ? 'decides' : reported?.policy === policy ? 'reported' : 'goesOn';
  return {
    step: 'compliancePolicy',
    outcome,
    policy: policy.name,
    index: policy.index,
    state,
    match: traceAlternatives(policy.match, scene),
    except: traceAlternatives(policy.except, scene),
    requirements: deployed ? policy.requirements.map((one) => traceRequirement(policy, one, scene)) : [],
  };
}

function stateOfPolicy(
  policy: CompiledCompliancePolicy,
  scene: Scene,
): Extract<TraceNode, { step: 'compliancePolicy' }>['state'] {
  const { groups } = scene.facts.user;
  const toUser =
    policy.groups === null
      ? scene.targeted
      : groups === null || textsMatch(policy.groups, true)(groups, scene) === 1;
  if (!toUser) return 'otherGroups';
  if (!anyHolds(policy.match, scene)) return 'otherDevices';
  if (anyHolds(policy.except, scene)) return 'excepted';
  if (policy.from !== null && policy.from > scene.now) return 'notYet';
  return policy.reportOnly ? 'reportOnly' : 'deployed';
}

function traceRequirement(
  policy: CompiledCompliancePolicy,
  requirement: Requirement,
  scene: Scene,
): RequirementTrace {
  const { key, wanted } = requirement;
  const found = requirement.found(scene);
  const state = requirement.state(scene);
  if (state === 'met' || (state === 'unreported' && policy.unreportedPasses))
    return { requirement: key, wanted, found, state, since: null, due: null, next: null };
  const { due, next, since } = timingOf(policy, requirement, scene);
  return { requirement: key, wanted, found, state, since, due: due?.action ?? null, next };
}

function traceAlternatives(maps: readonly (readonly Condition[])[], scene: Scene): AlternativesTrace {
  return maps.map((conditions) =>
    conditions.map((condition): ConditionTrace => ({
      field: condition.attribute === null ? condition.field : `${condition.field}.${condition.attribute}`,
      wanted: condition.wanted,
      found: condition.found(scene),
      holds: condition.holds(scene),
    })),
  );
}
