// Owns the evaluation of a compiled policy: the verdict, and with a tracer every step. Pure, synchronous, never fails.
import { allHold, anyHolds } from '../compile/alternatives.ts';
import type { CompiledPolicy, StandingAction } from '../compile/compiled-policy.ts';
import type { Condition } from '../compile/conditions.ts';
import { NO_ROW } from '../compile/rule-index.ts';
import type { CompiledRule } from '../compile/rules.ts';
import { Scene } from '../compile/scene.ts';
import type { Action, Reason } from '../document/vocabulary.ts';
import { checkCompliance } from './compliance-step.ts';
import type { Unmet } from './compliance-step.ts';
import { decideByHand } from './decisions.ts';
import type { DecisionFacts, Facts } from './facts.ts';
import type { Explanation, TraceNode, Tracer } from './trace.ts';
import { traceCompliance, traceRule } from './trace-nodes.ts';
import type { WouldBe } from '../../model/verdict.ts';
import type { Verdict, VerdictAction } from './verdict.ts';

/** Returns the verdict. */
export function evaluate(policy: CompiledPolicy, facts: Facts): Verdict {
  return new Walk(policy, facts, null).run();
}

/** Returns the verdict with every step of the same evaluation. */
export function explain(policy: CompiledPolicy, facts: Facts): Explanation {
  const steps: TraceNode[] = [];
  const scene = new Scene(facts, policy.isTargeted);
  const verdict = new Walk(policy, facts, { scene, steps }).run();
  return { verdict, steps };
}

/** The result of one step. */
interface Decided {
  readonly action: VerdictAction;
  readonly reason: Reason;
  readonly rule: string | null;
  readonly requirement: string | null;
  readonly validUntil: number | null;
  readonly since: number | null;
  readonly decision?: DecisionFacts | null;
}

class Walk {
  readonly #policy: CompiledPolicy;
  readonly #scene: Scene;
  readonly #tracer: Tracer | null;
  /** The first refusal in report-only mode. */
  #wouldBe: WouldBe | null = null;

  constructor(policy: CompiledPolicy, facts: Facts, tracer: Tracer | null) {
    this.#policy = policy;
    this.#scene = new Scene(facts, policy.isTargeted);
    this.#tracer = tracer;
  }

  run(): Verdict {
    const byHand = decideByHand(this.#policy, this.#scene, this.#tracer);
    if (byHand !== null) return this.#verdict({ ...byHand, rule: null, requirement: null });
    const decided = this.#rules() ?? this.#untargeted() ?? this.#conditionalAccess();
    if (!this.#policy.reportOnly || decided.action === 'allow') return this.#verdict(decided);
    const wouldBe = { action: decided.action as Action, reason: decided.reason, rule: decided.rule };
    this.#wouldBe = wouldBe;
    this.#tracer?.steps.push({ step: 'documentReportOnly', outcome: 'decides', wouldBe });
    return this.#verdict(standing('allow', 'reportOnly'));
  }

  /** Step 6: the first matching rule. */
  #rules(): Decided | null {
    const { ruleIndex, ruleRows, rules } = this.#policy;
    const scene = this.#scene;
    let decided: CompiledRule | null = null;
    let seen: CompiledRule | null = null;
    for (let row = ruleIndex.first(scene); row !== NO_ROW && decided === null; row = ruleIndex.next(row)) {
      const rule = ruleRows[row];
      // A rule has one row per map; after a match the others are irrelevant.
      if (rule === undefined || rule === seen || !matches(rule, ruleIndex.rest(row), scene)) continue;
      seen = rule;
      if ((rule.from === null || scene.hasCome(rule.from)) && !rule.reportOnly) decided = rule;
      else if (rule.action !== 'allow') this.#report(rule.action, rule.reason, rule.name);
    }
    if (this.#tracer !== null) {
      const last = decided?.index ?? rules.length - 1;
      for (const rule of rules.slice(0, last + 1))
        this.#tracer.steps.push(traceRule(rule, this.#tracer.scene, rule === decided));
    }
    if (decided === null) return null;
    return { ...standing(decided.action, decided.reason), rule: decided.name, since: decided.from };
  }

  /** Step 7: users that are not targeted. */
  #untargeted(): Decided | null {
    const { targeted } = this.#scene;
    const { untargeted } = this.#policy;
    const refusesNot = untargeted.action === 'allow' || !untargeted.reportOnly;
    const decides = !targeted && refusesNot;
    if (!targeted && !refusesNot) this.#report(untargeted.action, 'notTargeted', null);
    this.#tracer?.steps.push({
      step: 'untargeted',
      outcome: decides ? 'decides' : targeted ? 'goesOn' : 'reported',
      targeted,
      groupsKnown: this.#scene.facts.user.groups !== null,
    });
    return decides ? standing(untargeted.action, 'notTargeted') : null;
  }

  /** Steps 8 to 12. */
  #conditionalAccess(): Decided {
    const access = this.#unknownDevice() ?? this.#notEnrolled() ?? this.#compliance();
    if (access.action !== 'allow') return access;
    return this.#deviceLimit() ?? this.#allow(access);
  }

  /** Step 8: no feed knows the device. */
  #unknownDevice(): Decided | null {
    const { device, partnership } = this.#scene.facts;
    const reported = device !== null && device.managed !== null;
    if (reported) {
      this.#tracer?.steps.push({ step: 'unknownDevice', outcome: 'goesOn', reported, held: null });
      return null;
    }
    const { unknownDevice } = this.#policy;
    const since = partnership?.firstSeen ?? null;
    const held = unknownDevice.action === 'allow' ? null : this.#holdEnd(since);
    const refusal: Decided = {
      ...standing(
        held === null ? unknownDevice.action : 'quarantine',
        held === null ? 'unknownDevice' : 'awaitingReport',
      ),
      validUntil: held,
      since,
    };
    const decided = this.#stand(unknownDevice, refusal, 'unknownDevice');
    this.#tracer?.steps.push({
      step: 'unknownDevice',
      outcome: this.#outcome(unknownDevice, decided),
      reported,
      held,
    });
    return decided;
  }

  /** The end of the waiting period for a device that a feed may still report; null = none. */
  #holdEnd(firstSeen: number | null): number | null {
    const { holdMs } = this.#policy.unknownDevice;
    if (holdMs === null) return null;
    const end = (firstSeen ?? this.#scene.now) + holdMs;
    return this.#scene.hasCome(end) ? null : end;
  }

  /** Step 9: known and not managed. */
  #notEnrolled(): Decided | null {
    const managed = this.#scene.facts.device?.managed ?? null;
    if (managed !== false) {
      this.#tracer?.steps.push({ step: 'notEnrolled', outcome: 'goesOn', managed });
      return null;
    }
    const { notEnrolled } = this.#policy;
    const since = this.#scene.facts.device?.reportedSince ?? null;
    const decided = this.#stand(
      notEnrolled,
      { ...standing(notEnrolled.action, 'notEnrolled'), since },
      'notEnrolled',
    );
    this.#tracer?.steps.push({ step: 'notEnrolled', outcome: this.#outcome(notEnrolled, decided), managed });
    return decided;
  }

  /** Applies steps 8 and 9: refuses, or allows with the step's reason in report-only mode or when grandfathered. */
  #stand(item: StandingAction, refusal: Decided, reason: Reason): Decided {
    if (refusal.action === 'allow') return refusal;
    const grandfathered = this.#grandfathered(refusal);
    if (item.reportOnly) {
      if (grandfathered === null) this.#report(refusal.action as Action, refusal.reason, null);
      return { ...standing('allow', reason), since: refusal.since };
    }
    return grandfathered ?? refusal;
  }

  #outcome(item: StandingAction, decided: Decided): 'decides' | 'reported' {
    return item.reportOnly && item.action !== 'allow' && decided.action === 'allow' ? 'reported' : 'decides';
  }

  /** Step 10: compliance policies, or the lack of them. */
  #compliance(): Decided {
    const scene = this.#scene;
    const outcome = checkCompliance(this.#policy, scene);
    if (this.#tracer !== null)
      for (const node of traceCompliance(this.#policy, this.#tracer.scene, outcome))
        this.#tracer.steps.push(node);
    if (outcome.deployed === 0 && scene.targeted) return this.#noCompliancePolicy();
    const { refusal, grace, reported } = outcome;
    if (reported !== null && this.#grandfathered(unmetVerdict(reported)) === null)
      this.#report(reported.action as Action, reported.requirement.reason, reported.policy.name);
    if (refusal !== null) {
      const refused = unmetVerdict(refusal);
      return this.#grandfathered(refused) ?? refused;
    }
    if (grace === null) return COMPLIANT;
    if (this.#policy.admitsUnmet && grace.next === null) return unmetVerdict(grace);
    return { ...unmetVerdict(grace), action: 'allow', reason: 'inGracePeriod' };
  }

  #noCompliancePolicy(): Decided {
    const { noCompliancePolicy } = this.#policy;
    const { action, reportOnly } = noCompliancePolicy;
    const reported = reportOnly && action !== 'allow';
    if (reported) this.#report(action, 'noCompliancePolicy', null);
    this.#tracer?.steps.push({
      step: 'noCompliancePolicy',
      outcome: reported ? 'reported' : 'decides',
      deployed: 0,
    });
    return reported ? standing('allow', 'compliant') : standing(action, 'noCompliancePolicy');
  }

  /** Turns a refusal of steps 8 to 10 into an allow for grandfathered phones; null = not grandfathered. */
  #grandfathered(refusal: Decided): Decided | null {
    const { grandfather } = this.#policy;
    if (grandfather === null || this.#scene.hasCome(grandfather.until)) return null;
    const firstSeen = this.#scene.facts.partnership?.firstSeen ?? null;
    const lastAllowed = this.#scene.facts.partnership?.lastAllowed ?? null;
    const { firstSeenBefore, allowedSince, until } = grandfather;
    const passes =
      firstSeen !== null &&
      firstSeen < firstSeenBefore &&
      (allowedSince === null || (lastAllowed !== null && lastAllowed >= allowedSince));
    this.#tracer?.steps.push({
      step: 'grandfather',
      outcome: passes ? 'decides' : 'goesOn',
      firstSeen,
      lastAllowed,
      until,
    });
    return passes ? { ...refusal, action: 'allow', reason: 'grandfathered', validUntil: until } : null;
  }

  /** Step 11: more devices than the user may use. */
  #deviceLimit(): Decided | null {
    const { limits } = this.#policy;
    if (limits === null) return null;
    const partnership = this.#scene.facts.partnership;
    // A device without a rank comes after the user's other devices.
    const rank = partnership?.rank ?? (partnership?.devicesOfUser ?? 0) + 1;
    const refuses = rank > limits.devicesPerUser && limits.action !== 'allow';
    const decides = refuses && !limits.reportOnly;
    if (refuses && limits.reportOnly) this.#report(limits.action, 'tooManyDevices', null);
    this.#tracer?.steps.push({
      step: 'deviceLimit',
      outcome: decides ? 'decides' : refuses ? 'reported' : 'goesOn',
      rank,
      limit: limits.devicesPerUser,
    });
    return decides ? standing(limits.action, 'tooManyDevices') : null;
  }

  /** Step 12. */
  #allow(access: Decided): Decided {
    this.#tracer?.steps.push({ step: 'allow', outcome: 'decides', reason: access.reason });
    return access;
  }

  #report(action: Action, reason: Reason, rule: string | null): void {
    this.#wouldBe ??= { action, reason, rule };
  }

  #verdict({ action, reason, rule, requirement, validUntil, since, decision = null }: Decided): Verdict {
    return {
      action,
      reason,
      rule,
      requirement,
      wouldBe: this.#wouldBe,
      validUntil,
      since,
      recheckAt: this.#scene.recheckAt,
      decision,
      message:
        this.#message(requirement) ??
        this.#message(reason) ??
        this.#message(action === 'allow' ? null : 'default'),
    };
  }

  #message(name: string | null): Verdict['message'] {
    const { messages } = this.#policy;
    return name !== null && Object.hasOwn(messages, name) ? (messages[name] ?? null) : null;
  }
}

function standing(action: Action, reason: Reason): Decided {
  return { action, reason, rule: null, requirement: null, validUntil: null, since: null };
}

/** The outcome of most devices. */
const COMPLIANT = standing('allow', 'compliant');

function unmetVerdict({ policy, requirement, action, next, since }: Unmet): Decided {
  return {
    action: action === 'warn' ? 'allow' : action,
    reason: requirement.reason,
    rule: policy.name,
    requirement: requirement.key,
    validUntil: next,
    since,
  };
}

/** Whether a rule matches. `rest`: the conditions of its row that the index has not decided. */
function matches(rule: CompiledRule, rest: readonly Condition[], scene: Scene): boolean {
  if (rule.until !== null && scene.hasCome(rule.until)) return false;
  return allHold(rest, scene) && !anyHolds(rule.except, scene) && whenHolds(rule, scene);
}

/** A `when` that cannot be evaluated counts against the phone. */
function whenHolds({ when, action }: CompiledRule, scene: Scene): boolean {
  return when === null || (when.holds(scene) ?? action !== 'allow');
}
