// Owns steps 1 to 5 of the evaluation: wipes, disabled users, and decisions by operators.
import type { CompiledPolicy } from '../compile/compiled-policy.ts';
import type { Scene } from '../compile/scene.ts';
import type { DecisionFacts, DecisionScope } from './facts.ts';
import type { DecisionTrace, Outcome, Tracer } from './trace.ts';
import type { VerdictAction } from './verdict.ts';
import type { Reason } from '../document/vocabulary.ts';
import { STRICTNESS } from '../strictness.ts';

/** The verdict of a decision by an operator. */
export interface HandVerdict {
  readonly action: VerdictAction;
  readonly reason: Reason;
  readonly validUntil: number | null;
  readonly since: number | null;
  /** The decision; null = the user is disabled. */
  readonly decision: DecisionFacts | null;
}

const WIPE_SCOPES = ['device', 'partnership'] as const;
const BLOCK_SCOPES = ['user', 'device', 'partnership'] as const;
const OTHER_SCOPES = ['partnership', 'device', 'user'] as const;

/** Steps 1 to 5; null = continue. */
export function decideByHand(
  policy: CompiledPolicy,
  scene: Scene,
  tracer: Tracer | null,
): HandVerdict | null {
  const { decisions, user } = scene.facts;
  if (decisions.length > 0) {
    const wipe = strictestOf(WIPE_SCOPES, scene, (one) => isWipe(one) && !one.acknowledged);
    trace('openWipe', wipe, tracer, isWipe);
    if (wipe !== null) return verdictOf(wipe, wipe.action, 'wipeRequested');
    const wiped = strictestOf(WIPE_SCOPES, scene, isWipe);
    trace('acknowledgedWipe', wiped, tracer, isWipe);
    if (wiped !== null) return verdictOf(wiped, 'block', 'wiped');
  }
  const disabled = user.enabled === false && policy.blocksDisabledUsers;
  tracer?.steps.push({
    step: 'disabledUser',
    outcome: disabled ? 'decides' : 'goesOn',
    enabled: user.enabled,
    blocks: policy.blocksDisabledUsers,
  });
  if (disabled)
    return { action: 'block', reason: 'userDisabled', validUntil: null, since: null, decision: null };
  if (decisions.length === 0) return null;
  const block = firstOf(BLOCK_SCOPES, scene, (one) => one.action === 'block');
  trace('blockByHand', block, tracer, (one) => one.action === 'block');
  if (block !== null) return verdictOf(block, 'block', 'individualRule');
  const other = firstOf(OTHER_SCOPES, scene, (one) => !isWipe(one));
  trace('otherDecision', other, tracer, (one) => one.action !== 'block' && !isWipe(one));
  return other === null ? null : verdictOf(other, other.action, 'individualRule');
}

function verdictOf(decision: DecisionFacts, action: VerdictAction, reason: Reason): HandVerdict {
  return { action, reason, validUntil: decision.expiresAt, since: decision.decidedAt, decision };
}

function isWipe({ action }: DecisionFacts): boolean {
  return action === 'wipe' || action === 'accountWipe';
}

/** Only an operator can order a wipe, for a device or partnership; others are ignored. */
function isAllowed(decision: DecisionFacts): boolean {
  return !isWipe(decision) || (decision.source === null && decision.scope !== 'user');
}

type Test = (decision: DecisionFacts) => boolean;

/** The strictest matching decision, from the first scope that has one. */
function strictestOf(scopes: readonly DecisionScope[], scene: Scene, test: Test): DecisionFacts | null {
  for (const scope of scopes) {
    const found = strictest(scope, scene, test);
    if (found !== null) return found;
  }
  return null;
}

/** The effective decision of the first scope in which it matches. */
function firstOf(scopes: readonly DecisionScope[], scene: Scene, test: Test): DecisionFacts | null {
  for (const scope of scopes) {
    const found = inForce(scope, scene);
    if (found !== null && test(found)) return found;
  }
  return null;
}

/** The effective decision of a scope: the strictest of operators, else the strictest imported one. */
function inForce(scope: DecisionScope, scene: Scene): DecisionFacts | null {
  return (
    strictest(scope, scene, ({ source }) => source === null) ??
    strictest(scope, scene, ({ source }) => source !== null)
  );
}

function strictest(scope: DecisionScope, scene: Scene, test: Test): DecisionFacts | null {
  let best: DecisionFacts | null = null;
  for (const decision of scene.facts.decisions) {
    if (decision.scope !== scope || !isAllowed(decision) || isExpired(decision, scene) || !test(decision))
      continue;
    if (best === null || weighs(decision, best)) best = decision;
  }
  return best;
}

/** Compares strictness, then duration, then the time of the decision; never the order in which decisions are listed. */
function weighs(decision: DecisionFacts, other: DecisionFacts): boolean {
  const difference = STRICTNESS[decision.action] - STRICTNESS[other.action];
  if (difference !== 0) return difference > 0;
  const [ends, otherEnds] = [decision.expiresAt ?? Infinity, other.expiresAt ?? Infinity];
  if (ends !== otherEnds) return ends > otherEnds;
  const [made, otherMade] = [decision.decidedAt ?? -Infinity, other.decidedAt ?? -Infinity];
  return made === otherMade ? described(decision) > described(other) : made > otherMade;
}

/** A text that orders two decisions which are otherwise equal. */
function described({ by, source, reason }: DecisionFacts): string {
  return `${source ?? ''}\0${by ?? ''}\0${reason ?? ''}`;
}

function isExpired({ expiresAt }: DecisionFacts, scene: Scene): boolean {
  return expiresAt !== null && scene.hasCome(expiresAt);
}

function trace(
  step: 'openWipe' | 'acknowledgedWipe' | 'blockByHand' | 'otherDecision',
  chosen: DecisionFacts | null,
  tracer: Tracer | null,
  concerned: Test,
): void {
  if (tracer === null) return;
  const { scene } = tracer;
  const outcome: Outcome = chosen === null ? 'goesOn' : 'decides';
  // Once for each scope: looked up for each decision, many of them would take minutes.
  const standing = new Set(OTHER_SCOPES.map((scope) => inForce(scope, scene)));
  const decisions = scene.facts.decisions.filter(concerned).map((decision): DecisionTrace => ({
    scope: decision.scope,
    action: decision.action,
    by: decision.by,
    source: decision.source,
    expiresAt: decision.expiresAt,
    reason: decision.reason,
    ...(decision.onName !== undefined && { onName: decision.onName }),
    ...(decision.progress !== undefined && { progress: decision.progress }),
    state: stateOf(decision, scene, standing),
  }));
  tracer.steps.push({ step, outcome, decisions });
}

/** `standing`: the effective decisions of all scopes. */
function stateOf(
  decision: DecisionFacts,
  scene: Scene,
  standing: ReadonlySet<DecisionFacts | null>,
): DecisionTrace['state'] {
  if (!isAllowed(decision)) return 'notAllowed';
  if (isExpired(decision, scene)) return 'expired';
  return isWipe(decision) || standing.has(decision) ? 'inForce' : 'outweighed';
}
