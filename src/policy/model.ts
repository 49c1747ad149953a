// Owns the words of the policy: what a verdict is, what it is decided from. Knows no sockets, no stores, no clock.
import type { Action, Reason } from './document/vocabulary.ts';
import type { WouldBe } from './engine/verdict.ts';

/** What the gateway does with a request. */
export type VerdictAction = Action | 'wipe' | 'accountWipe';

/** Published vocabulary of reasons (document/vocabulary.ts); stable, used in logs, metrics and messages. */
export type VerdictReason = Reason;

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

interface DecisionBase {
  readonly owner: string;
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly decidedAt: number;
}

/** An operator lets a device or a partnership pass, or keeps it out. */
export interface AccessDecision extends DecisionBase {
  readonly action: 'allow' | 'block' | 'quarantine';
  /** Milliseconds since the epoch; `null` = until cleared. An expired decision is no decision. */
  readonly expiresAt: number | null;
}

/** A partnership that a wipe names: it was known before the order. */
export interface WipePartnership {
  readonly user: string;
  /** The spellings of the device id under which it had been seen by then. */
  readonly spellings: readonly string[];
  /** When the order was first sent to it, milliseconds since the epoch; `null` = not yet. */
  readonly toldAt: number | null;
}

/** How far a wipe has come. */
export interface WipeProgress {
  /** Milliseconds since the epoch; names this one wipe. */
  readonly requestedAt: number;
  /** Who is told; whoever else comes with the device id is kept out. */
  readonly partnerships: readonly WipePartnership[];
  /** `failed`: the device said it could not; it is told again. */
  readonly state: 'pending' | 'acknowledged' | 'failed';
  /** When the device last answered, with success or failure, milliseconds since the epoch; `null` = not yet. */
  readonly acknowledgedAt: number | null;
  /** What it answered: 1 = wiped, 2 = failed (MS-ASPROV 2.2.2.54.3); `null` = nothing yet. */
  readonly deviceStatus: number | null;
  /** Whose partnership answered; `null` = none yet. */
  readonly acknowledgedBy: string | null;
  /**
   * The store was restored or replaced since the wipe was ordered: nobody knows whether it was taken back. The device is
   * kept out, and not told, until an operator orders the wipe again. The store says so; it is not kept.
   */
  readonly suspended?: true;
}

/** An operator has the device erased (`wipe`), or only what it holds of the account (`accountWipe`). */
export interface WipeDecision extends DecisionBase {
  readonly action: 'wipe' | 'accountWipe';
  /** A wipe is taken back by hand or carried out; it never lapses by itself. */
  readonly expiresAt: null;
  readonly wipe: WipeProgress;
}

/** A decision an operator took by hand on a device or a partnership (user + device). */
export type ManualDecision = AccessDecision | WipeDecision;

/** A decision on a partnership, and the user it is stored under. */
export interface NamedDecision {
  readonly user: string;
  readonly decision: ManualDecision;
}

/** What the feeds know of a device. Null or absent = they never said; times are milliseconds since the epoch. */
export interface DeviceState {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly encrypted?: boolean | null;
  readonly compromised?: boolean | null;
  readonly model?: string | null;
  /** As the feed writes it, e.g. `iOS 17.4.1`. */
  readonly os?: string | null;
  readonly lastCheckIn?: number | null;
  /** Which requirements it does not meet, in the feed's words. */
  readonly unmetRequirements?: readonly string[];
  /** Since when it is managed or not, compliant or not, as it is. */
  readonly stateSince?: number;
}

/** What the gateways saw of this user with this device. Null or absent = nothing; times are milliseconds since the epoch. */
export interface SeenState {
  readonly firstSeen: number;
  readonly lastSeen?: number;
  readonly deviceType?: string;
  /** What the device calls itself. */
  readonly model: string | null;
  /** Which operating system it says that it runs. */
  readonly os?: string | null;
  /** The verdict that it last met, and its reason. */
  readonly lastVerdict?: string;
  readonly lastReason?: string;
}

/** The records that one decision rests on. */
export interface AccessRecords {
  /** The user that the login means; absent = not known. */
  readonly user?: string;
  readonly deviceDecision: ManualDecision | null;
  /** On the partnership, under exactly this user: the strictest. */
  readonly partnershipDecision: ManualDecision | null;
  /** All of them; absent = no other one. */
  readonly exactDecisions?: readonly NamedDecision[];
  /** The name the strictest is stored under; `null` or absent = there is none. */
  readonly decidedFor?: string | null;
  /** On partnerships of names that may be this user: only what keeps out holds. */
  readonly namesakeDecisions: readonly NamedDecision[];
  /** This user's entry in the device's and in the partnership's wipe; `null` or absent = the wipe does not name the user. */
  readonly deviceWipe?: WipePartnership | null;
  readonly partnershipWipe?: WipePartnership | null;
  /** `null` = no feed knows the device. */
  readonly device: DeviceState | null;
  /** `null` or absent = never seen. */
  readonly partnership?: SeenState | null;
  /** Records of the device that the store holds and nobody understands: it is kept out. Absent = none. */
  readonly unreadable?: readonly string[];
}
