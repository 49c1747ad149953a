// Owns step 10 of the evaluation: the unmet requirement that decides.
import { allHold, anyHolds } from '../compile/alternatives.ts';
import type { CompiledCompliancePolicy, Requirement, Step } from '../compile/compliance.ts';
import { latest } from '../compile/compliance.ts';
import type { CompiledPolicy } from '../compile/compiled-policy.ts';
import type { Condition } from '../compile/conditions.ts';
import { NO_ROW } from '../compile/rule-index.ts';
import type { Scene } from '../compile/scene.ts';
import type { StepAction } from '../document/vocabulary.ts';
import { STRICTNESS } from '../strictness.ts';

/** An unmet requirement and its schedule. Times are milliseconds since the epoch. */
export interface Unmet {
  readonly policy: CompiledCompliancePolicy;
  readonly requirement: Requirement;
  readonly action: StepAction;
  /** When the next step is due; null = there is none. */
  readonly next: number | null;
  readonly since: number | null;
}

/** The result of the compliance policies. */
export interface ComplianceOutcome {
  /** Number of policies that apply to this user and device. */
  readonly deployed: number;
  /** The requirement that refuses. */
  readonly refusal: Unmet | null;
  /** The requirement whose time ends first, when none refuses. */
  readonly grace: Unmet | null;
  /** The strictest of those in report-only mode. */
  readonly reported: Unmet | null;
}

/** Checks every policy that applies to the user and device. */
export function checkCompliance(policy: CompiledPolicy, scene: Scene): ComplianceOutcome {
  const { complianceIndex, complianceRows } = policy;
  const search = new Search(scene);
  let last: CompiledCompliancePolicy | null = null;
  for (let row = complianceIndex.first(scene); row !== NO_ROW; row = complianceIndex.next(row)) {
    const one = complianceRows[row];
    // A policy has one row per map; the first match is enough.
    if (one === undefined || one === last || !isDeployed(one, complianceIndex.rest(row), scene)) continue;
    last = one;
    search.add(one);
  }
  return search;
}

/** Whether a policy applies, apart from what the index decided. */
function isDeployed(
  { groups, except }: CompiledCompliancePolicy,
  rest: readonly Condition[],
  scene: Scene,
): boolean {
  return (groups !== null || scene.targeted) && allHold(rest, scene) && !anyHolds(except, scene);
}

/** The search for the requirement that decides, over policies in their order and requirements in theirs. */
class Search implements ComplianceOutcome {
  deployed = 0;
  refusal: Unmet | null = null;
  grace: Unmet | null = null;
  reported: Unmet | null = null;
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  add(policy: CompiledCompliancePolicy): void {
    this.deployed++;
    for (const requirement of policy.requirements) {
      const state = requirement.state(this.#scene);
      if (state === 'met' || (state === 'unreported' && policy.unreportedPasses)) continue;
      this.#weigh(policy, requirement);
    }
  }

  #weigh(policy: CompiledCompliancePolicy, requirement: Requirement): void {
    const timing = timingOf(policy, requirement, this.#scene);
    const { due, next, since } = timing;
    const pending = policy.from !== null && !this.#scene.hasCome(policy.from);
    if (pending || policy.reportOnly || due?.reportOnly === true) {
      // Before `from` no step is due; the report shows how the policy will refuse.
      const step = pending ? policy.steps.find(({ action }) => action !== 'warn') : due;
      if (step === undefined || step === null || step.action === 'warn') return;
      if (this.reported === null || STRICTNESS[step.action] > STRICTNESS[this.reported.action])
        this.reported = { policy, requirement, action: step.action, next, since };
      return;
    }
    const action = due?.action ?? 'warn';
    // A phone that meets nothing has hundreds of them: only those that count so far become objects.
    if (action === 'warn') {
      if (this.grace === null || (next ?? Infinity) < (this.grace.next ?? Infinity))
        this.grace = { policy, requirement, action, next, since };
    } else if (this.refusal === null || STRICTNESS[action] > STRICTNESS[this.refusal.action]) {
      this.refusal = { policy, requirement, action, next, since };
    }
  }
}

/**
 * The step that is due (null = none), the time of the next one (null = none), and the time since when (null = always).
 */
export function timingOf(
  { steps, from }: CompiledCompliancePolicy,
  requirement: Requirement,
  scene: Scene,
): { readonly due: Step | null; readonly next: number | null; readonly since: number | null } {
  const since = latest(requirement.since(scene), from);
  let due: Step | null = null;
  for (const step of steps) {
    // What is unmet now is not unmet since later: the clock of a feed may be ahead, and must not be a grace period.
    const start = step.after === 0 ? from : since;
    const time = start === null ? -Infinity : start + step.after;
    if (!scene.hasCome(time)) return { due, next: time, since };
    due = step;
  }
  return { due, next: null, since };
}
