// Owns which policy decides for a user: the live one, or a version that is rolled out to some users. A pure function of the user's
// groups and name and of the roll-out, so that every worker of every gateway chooses alike (decisions/0080, 0081).
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { RolloutExtent } from '../model/policy-version.ts';
import type { Verdict, VerdictAction } from '../model/verdict.ts';
import { decideAccess, decideFacts, explainRecords, factsOf } from './access.ts';
import type { ExplainedVerdict } from './access.ts';
import { NO_REQUEST } from './access-facts.ts';
import type { Access } from './access-facts.ts';
import type { CompiledPolicy } from './compile/compiled-policy.ts';
import { foldCase } from './document/case.ts';
import { explain } from './engine/evaluate.ts';
import type { Facts, RequestFacts, UserFacts } from './engine/facts.ts';
import type { Explanation } from './engine/trace.ts';
import { STRICTNESS } from './strictness.ts';

/** A policy, and its number as a version of the directory; null = it is none, such as that of a file. */
export interface NumberedPolicy {
  readonly policy: CompiledPolicy;
  readonly version: number | null;
}

/** A version that decides for some users. */
export interface PolicyRollout extends NumberedPolicy, RolloutExtent {
  /** The groups as they are compared, each with its spelling in the roll-out. */
  readonly byGroup: ReadonlyMap<string, string>;
}

/** The policies that decide. A change of any of them is another object: verdicts are kept together with the one they come from. */
export interface ActivePolicies {
  readonly live: NumberedPolicy;
  /** Null = the live policy decides for everybody. */
  readonly rollout: PolicyRollout | null;
  /** Whether verdicts depend on facts of the request. */
  readonly readsRequests: boolean;
}

/** The live policy decides for everybody. */
export function forEverybody(policy: CompiledPolicy, version: number | null = null): ActivePolicies {
  const readsRequests = policy.requestConditions.length > 0;
  return Object.freeze({ live: { policy, version }, rollout: null, readsRequests });
}

/** Another policy decides for the users of `extent`; those of a roll-out before it are decided by the live one. */
export function withRollout(
  { live }: ActivePolicies,
  { policy, version }: NumberedPolicy,
  { groups, share }: RolloutExtent,
): ActivePolicies {
  const byGroup = new Map(groups.map((group) => [foldCase(group), group]));
  const readsRequests = live.policy.requestConditions.length > 0 || policy.requestConditions.length > 0;
  return Object.freeze({ live, rollout: { policy, version, groups, share, byGroup }, readsRequests });
}

/**
 * Why a policy decides for a user. `everybody`: no version is rolled out. `group`, `share`: the version that is rolled out decides.
 * `outside`: the live one does. `groupsUnknown`: no feed knows whether the user is in one of the groups, so both are evaluated, and
 * the stricter verdict counts.
 */
export type Choice =
  | { readonly why: 'everybody' | 'outside' | 'groupsUnknown' }
  | { readonly why: 'group'; readonly group: string }
  | { readonly why: 'share'; readonly place: number };

const EVERYBODY: Choice = Object.freeze({ why: 'everybody' });
const OUTSIDE: Choice = Object.freeze({ why: 'outside' });
const UNKNOWN: Choice = Object.freeze({ why: 'groupsUnknown' });

/** Chooses for a user. `name`: the user that the login stands for; null = unknown. */
function choiceFor(rollout: PolicyRollout | null, groups: UserFacts['groups'], name: string | null): Choice {
  if (rollout === null) return EVERYBODY;
  const { byGroup, share } = rollout;
  if (groups !== null && byGroup.size > 0)
    for (const { lower } of groups) {
      const group = byGroup.get(lower);
      if (group !== undefined) return { why: 'group', group };
    }
  if (share > 0) {
    if (name === null) return UNKNOWN;
    const place = placeOf(name);
    if (place < share) return { why: 'share', place };
  }
  return groups === null && byGroup.size > 0 ? UNKNOWN : OUTSIDE;
}

const PERCENT = 100;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The place of a user among all, from 0 to below 100, evenly spread: a share of 10 % is everybody below 10. All spellings of a name
 * have one place. It never changes: gateways of several versions must agree. FNV-1a, then the finalizer of MurmurHash3.
 */
export function placeOf(name: string): number {
  const folded = foldedLocalPart(name);
  let hash = FNV_OFFSET;
  for (let at = 0; at < folded.length; at++) hash = Math.imul(hash ^ folded.charCodeAt(at), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * PERCENT;
}

/** The choice for the user of a look-up. */
export function choiceOf({ rollout }: ActivePolicies, { facts, records }: Access): Choice {
  if (rollout === null) return EVERYBODY;
  return choiceFor(rollout, facts.user.groups, records.user ?? facts.user.names[0]?.as ?? null);
}

/** Decides at `now`, milliseconds since the epoch. */
export function decideActive(
  active: ActivePolicies,
  access: Access,
  now: number,
  request: RequestFacts = NO_REQUEST,
): Verdict {
  const { live, rollout } = active;
  if (rollout === null) return decideAccess(live.policy, access, now, request);
  const choice = choiceOf(active, access);
  return decideChosen(active, choice, access, chosenFacts(active, choice, access, now, request));
}

/** The facts for {@link decideChosen} and {@link requestKeyOf}. */
export function chosenFacts(
  { live, rollout }: ActivePolicies,
  choice: Choice,
  access: Access,
  now: number,
  request: RequestFacts,
): Facts {
  const { policy } = isByLive(choice) || rollout === null ? live : rollout;
  return factsOf(policy, access, now, request);
}

function isByLive({ why }: Choice): boolean {
  return why === 'everybody' || why === 'outside';
}

/** Decides as chosen. */
export function decideChosen(
  { live, rollout }: ActivePolicies,
  choice: Choice,
  access: Access,
  facts: Facts,
): Verdict {
  if (rollout === null || isByLive(choice)) return decideFacts(live.policy, access, facts);
  const verdict = decideFacts(rollout.policy, access, facts);
  if (choice.why !== 'groupsUnknown') return verdict;
  const other = decideAccess(live.policy, access, facts.now, facts.request);
  return untilEither(isStricter(verdict, other) ? verdict : other, verdict, other);
}

/** Why a policy decided, and which. */
export interface Chosen {
  readonly choice: Choice;
  /** The policy that the verdict comes from. */
  readonly by: NumberedPolicy;
}

/** Decides, and returns every step of the same evaluation. */
export function explainActive(
  active: ActivePolicies,
  access: Access,
  now: number,
): ExplainedVerdict & Chosen {
  const choice = choiceOf(active, access);
  const { found, other, by } = chosenOf(active, choice, (policy) => explainRecords(policy, access, now));
  const verdict = other === null ? found.verdict : untilEither(found.verdict, found.verdict, other.verdict);
  return { ...found, verdict, choice, by };
}

/** The same for made-up facts: the first name of the user is the one that the login stands for. */
export function explainFacts(active: ActivePolicies, facts: Facts): Explanation & Chosen {
  const { names, groups } = facts.user;
  const choice = choiceFor(active.rollout, groups, names[0]?.as ?? null);
  const { found, other, by } = chosenOf(active, choice, (policy) => explain(policy, facts));
  const recheckAt = Math.min(found.verdict.recheckAt, other?.verdict.recheckAt ?? Infinity);
  return { ...found, verdict: { ...found.verdict, recheckAt }, choice, by };
}

interface ChosenOf<T> {
  readonly found: T;
  /** What the other policy found, where both are evaluated. */
  readonly other: T | null;
  readonly by: NumberedPolicy;
}

function chosenOf<T extends { readonly verdict: { readonly action: VerdictAction } }>(
  { live, rollout }: ActivePolicies,
  { why }: Choice,
  evaluate: (policy: CompiledPolicy) => T,
): ChosenOf<T> {
  if (rollout === null || why === 'everybody' || why === 'outside')
    return { found: evaluate(live.policy), other: null, by: live };
  const found = evaluate(rollout.policy);
  if (why !== 'groupsUnknown') return { found, other: null, by: rollout };
  const other = evaluate(live.policy);
  return isStricter(found.verdict, other.verdict)
    ? { found, other, by: rollout }
    : { found: other, other: found, by: live };
}

/** Whether an action is stricter than another one. */
function isStricter(
  { action }: { readonly action: VerdictAction },
  { action: other }: { readonly action: VerdictAction },
): boolean {
  return STRICTNESS[action] > STRICTNESS[other];
}

/** Of two verdicts one counts until either changes. */
function untilEither(
  verdict: Verdict,
  { validUntil: one }: Verdict,
  { validUntil: other }: Verdict,
): Verdict {
  const validUntil = Math.min(one, other);
  return validUntil === verdict.validUntil ? verdict : Object.freeze({ ...verdict, validUntil });
}

/** Which conditions on the request hold, for the policies that decide as chosen: part of the key of a verdict in memory. */
export function requestKeyOf(
  { live, rollout }: ActivePolicies,
  choice: Choice,
  access: Access,
  facts: Facts,
): number | string {
  if (rollout === null || isByLive(choice)) return live.policy.requestKey(facts);
  const key = rollout.policy.requestKey(facts);
  if (choice.why !== 'groupsUnknown') return key;
  return `${live.policy.requestKey(factsOf(live.policy, access, facts.now, facts.request))}/${key}`;
}
