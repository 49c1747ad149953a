// Owns the decision on an access: evaluates the policy for the records of a look-up. Two cases are decided before the policy: an
// unreadable record blocks the device, and a wipe applies to exactly the partnerships it names. Pure, synchronous, total.
import type { Access } from './access-facts.ts';
import { NO_REQUEST } from './access-facts.ts';
import type { CompiledPolicy } from './compile/compiled-policy.ts';
import type { DecisionFacts, Facts, RequestFacts } from './engine/facts.ts';
import { evaluate, explain } from './engine/evaluate.ts';
import type { TraceNode } from './engine/trace.ts';
import type { Verdict as EngineVerdict } from './engine/verdict.ts';
import { isOpenWipe, isStandingWipe, isWipe } from '../model/wipe.ts';
import type { ManualDecision } from '../model/decision.ts';
import type { Verdict } from '../model/verdict.ts';
import type { AccessRecords } from './access-records.ts';

/** A verdict and the steps of its evaluation. */
export interface ExplainedVerdict {
  readonly verdict: Verdict;
  readonly steps: readonly TraceNode[];
}

/** Decides at `now`, milliseconds since the epoch. */
export function decideAccess(
  policy: CompiledPolicy,
  access: Access,
  now: number,
  request: RequestFacts = NO_REQUEST,
): Verdict {
  return decideFacts(policy, access, factsOf(policy, access, now, request));
}

/** The same, for facts that {@link factsOf} has built. */
export function decideFacts(policy: CompiledPolicy, access: Access, facts: Facts): Verdict {
  return unreadable(access) ?? verdictOf(access, evaluate(policy, facts), facts.now);
}

/** Decides, and returns every step of the same evaluation. */
export function explainRecords(
  policy: CompiledPolicy,
  access: Access,
  now: number,
  request: RequestFacts = NO_REQUEST,
): ExplainedVerdict {
  const kept = unreadable(access);
  if (kept !== null) {
    const records = access.records.unreadable ?? [];
    return { verdict: kept, steps: [{ step: 'unreadableRecord', outcome: 'decides', records }] };
  }
  const { verdict, steps } = explain(policy, factsOf(policy, access, now, request));
  return { verdict: verdictOf(access, verdict, now), steps };
}

/** The facts of one evaluation. */
export function factsOf(
  policy: CompiledPolicy,
  { facts }: Access,
  now: number,
  request: RequestFacts,
): Facts {
  const { user, device, decisions } = facts;
  const partnership = facts.partnership.at(now, policy.activeWithinMs);
  return { now, user, device, partnership, request, decisions };
}

type Draft = { -readonly [Name in keyof Verdict]: Verdict[Name] };

/** Blocks when a record is unreadable, since it may be a block or a wipe. */
function unreadable({ records }: Access): Verdict | null {
  const names = records.unreadable ?? [];
  if (names.length === 0) return null;
  // Rules are logged even with log.identities: false, so names appear only in the steps.
  const rule = 'malformed record';
  const draft: Draft = { action: 'block', reason: 'storeUnavailable', rule, validUntil: Infinity };
  addPhone(draft, records);
  return Object.freeze(draft);
}

/** Built field by field, not of parts: a change of policy makes one for every phone. */
function verdictOf(access: Access, decided: EngineVerdict, now: number): Verdict {
  const { records } = access;
  const ordered = decided.reason === 'wipeRequested' ? wipeOf(access) : null;
  if (ordered !== null) return ordered;
  const { action, reason, decision, validUntil, recheckAt, wouldBe, message } = decided;
  const draft: Draft = { action, reason, rule: '', validUntil: recheckAt };
  if (decision === null) addPolicy(draft, decided, records);
  else Object.assign(draft, byHand(access, decision));
  if (wouldBe !== null) draft.wouldBe = wouldBe;
  if (message !== null) draft.message = message;
  if (validUntil !== null && validUntil > now) draft.nextStep = validUntil;
  if (action !== 'allow') addPhone(draft, records);
  return Object.freeze(draft);
}

type Origin = Pick<Verdict, 'rule' | 'since' | 'requirement'> & Partial<Pick<Verdict, 'reason'>>;

/** A manual decision, with the operator's texts. */
function byHand({ origins }: Access, facts: DecisionFacts): Origin {
  const origin = origins.get(facts);
  if (origin === undefined) return importedBy(facts);
  const { decision, namesake } = origin;
  const { owner, action } = decision;
  if (namesake !== null) {
    const rule = `decision on another name by ${owner}`;
    if (isWipe(decision)) return { rule, reason: isOpenWipe(decision) ? 'wipeRequested' : 'wiped' };
    return action === 'block' ? { rule } : { rule, ...saidOf(decision) };
  }
  if (isWipe(decision)) return { rule: `${facts.scope} wipe by ${owner}` };
  return { rule: `${facts.scope} decision by ${owner}`, ...saidOf(decision) };
}

/** A decision that a feed imported. */
function importedBy({ scope, source, decidedAt, reason }: DecisionFacts): Origin {
  return {
    rule: `${scope} decision imported from ${source ?? 'a feed'}`,
    ...(decidedAt !== null && { since: decidedAt }),
    ...(reason !== null && { requirement: reason }),
  };
}

/** Since when, and in which words. */
function saidOf({ decidedAt, reason }: ManualDecision): Pick<Verdict, 'since' | 'requirement'> {
  return { since: decidedAt, ...(reason === null ? {} : { requirement: reason }) };
}

/** The part of the policy behind each reason that has no named rule or compliance policy. */
const PLACES: Readonly<Partial<Record<EngineVerdict['reason'], string>>> = {
  userDisabled: 'policy.disabledUsers',
  notTargeted: 'policy.untargeted',
  unknownDevice: 'policy.unknownDevice',
  awaitingReport: 'policy.unknownDevice.hold',
  notEnrolled: 'policy.notEnrolled',
  noCompliancePolicy: 'policy.noCompliancePolicy',
  tooManyDevices: 'policy.limits',
  grandfathered: 'policy.grandfather',
  reportOnly: 'policy.mode',
  compliant: 'policy.compliance',
};

function addPolicy(
  draft: Draft,
  { action, reason, rule, requirement, since }: EngineVerdict,
  records: AccessRecords,
): void {
  const kind = requirement === null ? 'rule' : 'compliance policy';
  const unmet = requirement === 'compliant' ? (records.device?.unmetRequirements?.join(', ') ?? '') : '';
  draft.rule =
    rule === null
      ? (PLACES[reason] ?? `policy.${requirement === null ? 'rules' : 'compliance'}`)
      : `${kind} "${rule}"`;
  // An allow verdict must not change when the partnership is first recorded.
  if (action !== 'allow' && since !== null) draft.since = since;
  if (unmet !== '') draft.requirement = unmet;
}

/** The model for the user's message (as reported by the phone, else by its feed), and the reason of the last verdict. */
function addPhone(draft: Draft, { device, partnership }: AccessRecords): void {
  const model = partnership?.model ?? device?.model ?? null;
  const lastReason = partnership?.lastReason ?? '';
  if (model !== null) draft.model = model;
  if (lastReason !== '') draft.lastReason = lastReason;
}

/**
 * A wipe takes precedence over all other decisions; one of the device over one of the partnership, since it erases more. Only
 * partnerships that were known before the order get it; others with the same device id, or another spelling of it, are blocked.
 */
function wipeOf({ records, readAt }: Access): Verdict | null {
  const { deviceDecision, partnershipDecision, deviceWipe = null, partnershipWipe = null } = records;
  const onDevice = isOpenWipe(deviceDecision) ? deviceDecision : null;
  const onPartnership = isOpenWipe(partnershipDecision) ? partnershipDecision : null;
  const toldByDevice =
    onDevice !== null && (deviceWipe !== null || partnershipWipe === null || onPartnership === null);
  const decision = toldByDevice ? onDevice : onPartnership;
  if (decision === null) return null;
  const scope = toldByDevice ? 'device' : 'partnership';
  const named = toldByDevice ? deviceWipe : partnershipWipe;
  const { owner, action, wipe } = decision;
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
      decidedFor: toldByDevice ? null : (records.decidedFor ?? null),
      user: named.user,
      spellings: named.spellings,
      told: named.toldAt !== null,
      requestedAt: wipe.requestedAt,
      readAt,
      elsewhere,
    }),
  });
}
