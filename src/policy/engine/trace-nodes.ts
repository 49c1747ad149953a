// Owns the trace of rules and compliance policies: expected and found values of each condition. It makes no decisions.
import type { CompiledCompliancePolicy, Requirement } from '../compile/compliance.ts';
import type { CompiledPolicy } from '../compile/compiled-policy.ts';
import type { Condition } from '../compile/conditions.ts';
import type { CompiledRule } from '../compile/rules.ts';
import type { Scene } from '../compile/scene.ts';
import { timingOf } from './compliance-step.ts';
import type { ComplianceOutcome } from './compliance-step.ts';
import type { AlternativesTrace, ConditionTrace, Outcome, RequirementTrace, TraceNode } from './trace.ts';

/** The trace of a rule, up to the first part that fails. */
export function traceRule(rule: CompiledRule, scene: Scene, decides: boolean): TraceNode {
  const match = traceAlternatives(rule.match, scene);
  if (!someHolds(match))
    return {
      step: 'rule',
      outcome: 'goesOn',
      rule: rule.name,
      index: rule.index,
      state: isOver(rule, scene) ? 'over' : 'doesNotMatch',
      match,
      except: NOTHING,
      when: null,
    };
  const except = traceAlternatives(rule.except, scene);
  const holds = rule.when === null ? null : rule.when.holds(scene);
  const state = stateOfMatch(rule, scene, someHolds(except), holds);
  const reported = (state === 'notYet' || state === 'reportOnly') && rule.action !== 'allow';
  return {
    step: 'rule',
    outcome: decides ? 'decides' : reported ? 'reported' : 'goesOn',
    rule: rule.name,
    index: rule.index,
    state,
    match,
    except,
    when: rule.when === null ? null : { expression: rule.when.text, holds },
  };
}

/** The state of a rule whose `match` holds. */
function stateOfMatch(
  rule: CompiledRule,
  scene: Scene,
  excepted: boolean,
  whenHolds: boolean | null,
): Extract<TraceNode, { step: 'rule' }>['state'] {
  if (isOver(rule, scene)) return 'over';
  if (excepted) return 'excepted';
  if (rule.when !== null && !(whenHolds ?? rule.action !== 'allow')) return 'doesNotMatch';
  if (rule.from !== null && rule.from > scene.now) return 'notYet';
  return rule.reportOnly ? 'reportOnly' : 'matches';
}

function isOver({ until }: CompiledRule, { now }: Scene): boolean {
  return until !== null && until <= now;
}

/** Whether one of the maps holds; the trace of each ends with the failing condition. */
function someHolds(maps: AlternativesTrace): boolean {
  for (let index = 0; index < maps.length; index++) {
    const conditions = maps[index] as readonly ConditionTrace[];
    if (conditions.length === 0 || conditions[conditions.length - 1]?.holds === true) return true;
  }
  return false;
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
  const toUser = isDeployedTo(policy, scene);
  const match = toUser ? traceAlternatives(policy.match, scene) : NOTHING;
  const matches = someHolds(match);
  const except = matches ? traceAlternatives(policy.except, scene) : NOTHING;
  const state = stateOfPolicy(policy, scene, toUser, matches, someHolds(except));
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
    match,
    except,
    requirements: deployed ? policy.requirements.map((one) => traceRequirement(policy, one, scene)) : NOTHING,
  };
}

function isDeployedTo({ deployedTo }: CompiledCompliancePolicy, scene: Scene): boolean {
  if (deployedTo === null) return scene.targeted;
  const { groups } = scene.facts.user;
  return groups === null || deployedTo(groups, scene) === 1;
}

function stateOfPolicy(
  policy: CompiledCompliancePolicy,
  scene: Scene,
  toUser: boolean,
  matches: boolean,
  excepted: boolean,
): Extract<TraceNode, { step: 'compliancePolicy' }>['state'] {
  if (!toUser) return 'otherGroups';
  if (!matches) return 'otherDevices';
  if (excepted) return 'excepted';
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

/** Each map up to its failing condition. Most fail at the first one, so the arrays start with one entry. */
function traceAlternatives(maps: readonly (readonly Condition[])[], scene: Scene): AlternativesTrace {
  const only = maps[0];
  if (only === undefined) return NOTHING;
  return maps.length === 1 ? [traceMap(only, scene)] : maps.map((conditions) => traceMap(conditions, scene));
}

function traceMap(conditions: readonly Condition[], scene: Scene): readonly ConditionTrace[] {
  const first = conditions[0];
  if (first === undefined) return NOTHING;
  let last = traceCondition(first, scene);
  const trace = [last];
  for (let index = 1; index < conditions.length && last.holds; index++) {
    last = traceCondition(conditions[index] as Condition, scene);
    trace.push(last);
  }
  return trace;
}

const NOTHING: readonly never[] = [];

function traceCondition(condition: Condition, scene: Scene): ConditionTrace {
  return {
    field: condition.label,
    wanted: condition.wanted,
    found: condition.found(scene),
    holds: condition.holds(scene),
  };
}
