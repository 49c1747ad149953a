// Owns the decision: one evaluation of the rules, for evaluate (the verdict) and explain (the verdict with every step).
// Pure, synchronous, never fails.
import type { ManualDecision } from '../model/decision.ts';
import type { NamedDecision, Policy, PolicyFacts } from './model.ts';
import type { Verdict, VerdictAction } from '../model/verdict.ts';
import type { VerdictReason } from '../model/reason.ts';
import { describeWipe } from './wipe.ts';
import { isOpenWipe, isStandingWipe, isWipe } from '../model/wipe.ts';

/** One checked rule. */
export interface PolicyStep {
  readonly rule: string;
  readonly matched: boolean;
  /** The values found, in words for an operator. */
  readonly detail: string;
}

/** A verdict with its steps. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly steps: readonly PolicyStep[];
}

/** Rules are logged even with `log.identities: false`, so names appear in the steps only. */
const OF_NAMESAKE = 'decision on another name';
const UNREADABLE = 'a record that is not understood';

/** Returns the verdict of the first matching rule. */
export function evaluate(policy: Policy, facts: PolicyFacts): Verdict {
  return walk(policy, facts, null);
}

/** Returns the verdict with every step of the same evaluation. */
export function explain(policy: Policy, facts: PolicyFacts): Explanation {
  const steps: PolicyStep[] = [];
  const verdict = walk(policy, facts, steps);
  return { verdict, steps };
}

function walk(policy: Policy, facts: PolicyFacts, steps: PolicyStep[] | null): Verdict {
  const { now } = facts;
  let soonest = Infinity;
  const live = (decision: ManualDecision | null): ManualDecision | null => {
    if (decision === null || (decision.expiresAt !== null && decision.expiresAt <= now)) return null;
    if (decision.expiresAt !== null) soonest = Math.min(soonest, decision.expiresAt);
    return decision;
  };
  const note: Note = (rule, matched, detail) => {
    steps?.push({ rule, matched, detail });
    return matched;
  };
  const { device } = facts;
  const say = (
    action: VerdictAction,
    reason: VerdictReason,
    rule: string,
    more: Pick<Verdict, 'since' | 'requirement'> = {},
  ): Verdict =>
    Object.freeze({
      action,
      reason,
      rule,
      validUntil: soonest,
      ...more,
      ...(action === 'allow' ? {} : { ...modelOf(facts), ...lastReasonOf(facts) }),
    });

  // An unreadable record may be a block or a wipe.
  const { unreadable } = facts;
  if (unreadable !== undefined && unreadable.length > 0) {
    note('unreadable record', true, unreadable.join(', '));
    return say('block', 'storeUnavailable', UNREADABLE);
  }
  const ordered = wipeOf(facts, note);
  if (ordered !== null) return ordered;
  // A block under any name that may be this user denies access, because mail servers treat such names as one mailbox. A
  // wipe under such a name only denies access: the identity is likely, not certain.
  let namesake: NamedDecision | null = null;
  for (const named of facts.namesakeDecisions) {
    const { user, decision } = named;
    const found = live(decision);
    const blocks = found !== null && (found.action === 'block' || isWipe(found));
    if (note(OF_NAMESAKE, blocks, `${user}: ${describe(decision, now)}`)) {
      const reason = isOpenWipe(found) ? 'wipeRequested' : isWipe(found) ? 'wiped' : 'individualRule';
      return say('block', reason, `${OF_NAMESAKE} by ${decision.owner}`);
    }
    if (found?.action === 'quarantine') namesake = named;
  }
  const onDevice = live(facts.deviceDecision);
  const onPartnership = live(facts.partnershipDecision);
  // A block of the device, or a completed wipe, applies to all its users; otherwise the narrower decision takes
  // precedence.
  const keepsAllOut = onDevice?.action === 'block' || isWipe(onDevice);
  if (!keepsAllOut && namesake !== null && (onPartnership === null || onPartnership.action === 'allow')) {
    const { user, decision } = namesake;
    note('quarantine of another name', true, `${user}: ${describe(decision, now)}`);
    return say('quarantine', 'individualRule', `${OF_NAMESAKE} by ${decision.owner}`, saidOf(decision));
  }
  const chosen = keepsAllOut ? onDevice : (onPartnership ?? onDevice);
  note(
    'partnership decision',
    chosen !== null && chosen === onPartnership,
    describe(facts.partnershipDecision, now),
  );
  note('device decision', chosen !== null && chosen === onDevice, describe(facts.deviceDecision, now));
  if (chosen !== null) {
    const scope = chosen === onPartnership ? 'partnership' : 'device';
    if (isWipe(chosen)) return say('block', 'wiped', `${scope} wipe by ${chosen.owner}`);
    return say(chosen.action, 'individualRule', `${scope} decision by ${chosen.owner}`, saidOf(chosen));
  }
  if (device === null || device.managed === null) {
    note('enrolment', true, 'no feed knows the device');
    // For an allowed phone it does not matter whether it was seen before.
    const since =
      policy.unknownDevice === 'allow' ? {} : sinceOf(device?.stateSince ?? facts.partnership?.firstSeen);
    return say(policy.unknownDevice, 'unknownDevice', 'policy.unknownDevice', since);
  }
  const since = sinceOf(device.stateSince);
  if (note('enrolment', !device.managed, device.managed ? 'managed' : 'known, not managed')) {
    return say(policy.notEnrolled, 'notEnrolled', 'policy.notEnrolled', since);
  }
  const compliant = device.compliant === true;
  const unmet = device.unmetRequirements?.join(', ') ?? '';
  const said =
    device.compliant === null ? 'compliance was never reported' : compliant ? 'compliant' : 'not compliant';
  if (note('compliance', !compliant, compliant || unmet === '' ? said : `${said}: ${unmet}`)) {
    const requirement = unmet === '' ? {} : { requirement: unmet };
    return say(policy.notCompliant, 'notCompliant', 'policy.notCompliant', { ...since, ...requirement });
  }
  note('otherwise', true, 'allow');
  return say('allow', 'compliant', 'managed and compliant');
}

/** Records a step; returns `matched`. */
type Note = (rule: string, matched: boolean, detail: string) => boolean;

/**
 * Wipes come first, and the device's before the partnership's, because it erases more. The order applies only to a
 * partnership that was known before it; other users of the device id, and other spellings, are denied.
 */
function wipeOf(facts: PolicyFacts, note: Note): Verdict | null {
  const { deviceDecision, partnershipDecision, deviceWipe = null, partnershipWipe = null, now } = facts;
  const onDevice = isOpenWipe(deviceDecision) ? deviceDecision : null;
  const onPartnership = isOpenWipe(partnershipDecision) ? partnershipDecision : null;
  const toldByDevice =
    onDevice !== null && (deviceWipe !== null || partnershipWipe === null || onPartnership === null);
  const decision = toldByDevice ? onDevice : onPartnership;
  if (decision === null) return null;
  const scope = toldByDevice ? 'device' : 'partnership';
  const named = toldByDevice ? deviceWipe : partnershipWipe;
  const { owner, action, wipe } = decision;
  const more = named === null ? ', does not name this user' : '';
  note(`wipe of the ${scope}`, true, describe(decision, now) + more);
  const elsewhere: Verdict = Object.freeze({
    action: 'block',
    reason: 'wipeRequested',
    rule: `${scope} wipe by ${owner}, for others`,
    validUntil: Infinity,
  });
  if (!isStandingWipe(decision))
    return Object.freeze({
      ...elsewhere,
      reason: 'storeUnavailable',
      rule: `${scope} wipe by ${owner}, suspended`,
    });
  if (named === null) return elsewhere;
  return Object.freeze({
    action,
    reason: 'wipeRequested',
    rule: `${scope} wipe by ${owner}`,
    validUntil: Infinity,
    wipe: Object.freeze({
      decidedFor: toldByDevice ? null : (facts.decidedFor ?? null),
      user: named.user,
      spellings: named.spellings,
      told: named.toldAt !== null,
      requestedAt: wipe.requestedAt,
      readAt: now,
      elsewhere,
    }),
  });
}

/** The time and the text of a decision. */
function saidOf({ decidedAt, reason }: ManualDecision): Pick<Verdict, 'since' | 'requirement'> {
  return { since: decidedAt, ...(reason === null ? {} : { requirement: reason }) };
}

function sinceOf(since: number | undefined): Pick<Verdict, 'since'> {
  return since === undefined ? {} : { since };
}

/** The model as the device reported it, else as the feed did. */
function modelOf({ device, partnership }: PolicyFacts): Pick<Verdict, 'model'> {
  const model = partnership?.model ?? device?.model ?? null;
  return model === null ? {} : { model };
}

function lastReasonOf({ partnership }: PolicyFacts): Pick<Verdict, 'lastReason'> {
  const lastReason = partnership?.lastReason ?? '';
  return lastReason === '' ? {} : { lastReason };
}

function describe(decision: ManualDecision | null, now: number): string {
  if (decision === null) return 'none';
  const expired = decision.expiresAt !== null && decision.expiresAt <= now ? ', expired' : '';
  const reason = decision.reason === null ? '' : ` (${decision.reason})`;
  const progress = isWipe(decision) ? `, ${describeWipe(decision.wipe)}` : '';
  return `${decision.action} by ${decision.owner}${reason}${expired}${progress}`;
}
