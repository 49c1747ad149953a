// Owns the verdict of a policy.
import type { Action, Reason } from '../document/vocabulary.ts';
import type { DecisionFacts } from './facts.ts';
import type { WouldBe } from '../../model/verdict.ts';
import { formatTime } from '../document/times.ts';

/** The action of the gateway on a request. */
export type VerdictAction = Action | 'wipe' | 'accountWipe';

/** A decision. Times are milliseconds since the epoch. */
export interface Verdict {
  readonly action: VerdictAction;
  readonly reason: Reason;
  /** Name of the rule or compliance policy that decided; null = neither did. */
  readonly rule: string | null;
  /** The unmet requirement; `attributes.NAME` for an attribute. */
  readonly requirement: string | null;
  /** The first refusal in report-only mode. */
  readonly wouldBe: WouldBe | null;
  /** When the deciding step ends by time; null = never. */
  readonly validUntil: number | null;
  /** Since when the state exists; null = unknown. */
  readonly since: number | null;
  /** When to evaluate again: the next time at which a used fact may change; Infinity = never. */
  readonly recheckAt: number;
  /** The manual decision that decided; null = none. */
  readonly decision: DecisionFacts | null;
  /** Texts of the document for the user, by language, and `link`; null = the document has none for this reason. */
  readonly message: Readonly<Record<string, string>> | null;
}

/** The verdict as `easgate policy evaluate` prints it. */
export function verdictDocument(verdict: Verdict): object {
  const { action, reason, rule, requirement, wouldBe, validUntil } = verdict;
  return {
    action,
    reason,
    rule,
    requirement,
    wouldBe: wouldBe === null ? null : { action: wouldBe.action, reason: wouldBe.reason, rule: wouldBe.rule },
    validUntil: validUntil === null ? null : formatTime(validUntil),
  };
}
