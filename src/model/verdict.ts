// Owns the verdict: what the gateway does with a request, and why.
import type { VerdictReason } from './reason.ts';

/** What the gateway does with a request. */
export type VerdictAction = 'allow' | 'block' | 'quarantine' | 'wipe' | 'accountWipe';

/** Which wipe a verdict asks for, and of which partnership; what the device answers is recorded against it. */
export interface WipeOrder {
  /** The user the decision is stored under; null = it is the device's, for every user. */
  readonly decidedFor: string | null;
  /** The partnership that is told, by its user's name in the order. */
  readonly user: string;
  /** The spellings of the device id under which it is told. */
  readonly spellings: readonly string[];
  /** The order was sent to it before: only then its answer counts (MS-ASPROV 3.2.5.1.2). */
  readonly told: boolean;
  /** Milliseconds since the epoch; names this one wipe. */
  readonly requestedAt: number;
  /** When the decision was read, milliseconds since the epoch: an order that is not fresh must not be carried out. */
  readonly readAt: number;
  /** The verdict under any other spelling. */
  readonly elsewhere: Verdict;
}

/** What a policy would have decided. */
export interface WouldBe {
  readonly action: 'allow' | 'block' | 'quarantine';
  readonly reason: VerdictReason;
  /** Name of the rule or compliance policy; null = neither. */
  readonly rule: string | null;
}

/** A decision; frozen and shared between requests. */
export interface Verdict {
  readonly action: VerdictAction;
  readonly reason: VerdictReason;
  /** Where the decision came from, e.g. `partnership decision by admin` or `rule "old Androids"`; never sent to phones. */
  readonly rule: string;
  /** Milliseconds since the epoch after which the verdict must be decided anew; `Infinity` when nothing expires. */
  readonly validUntil: number;
  /**
   * The same moment on the monotonic clock, converted when the verdict was decided: deadlines count on it, so that a step
   * of the wall clock does not move them. Set by the verdict cache; absent = not converted.
   */
  readonly lapsesAt?: number;
  /** Since when it is so, milliseconds since the epoch; absent = not known. */
  readonly since?: number;
  /** What exactly is required or was decided, in the words of the operator or feed; may be shown to the phone's user. */
  readonly requirement?: string;
  /** What the device calls itself, or its feed calls it; absent = not known, or not kept out. */
  readonly model?: string;
  /** The reason of the verdict that the device last met at any gateway; absent = never seen, or not kept out. */
  readonly lastReason?: string;
  /** What the policy would have decided, were all of it enforced; absent = the same. */
  readonly wouldBe?: WouldBe;
  /** When a step of the policy follows, or the deciding one ends, milliseconds since the epoch; absent = none does. */
  readonly nextStep?: number;
  /** The policy's own texts for the phone's user, by language, and `link`; absent = it has none for this reason. */
  readonly message?: Readonly<Record<string, string>>;
  /** Only with `wipe` and `accountWipe`. */
  readonly wipe?: WipeOrder;
}
