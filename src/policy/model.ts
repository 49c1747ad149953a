// Owns the words of the policy: what a verdict is, what it is decided from. Knows no sockets, no stores, no clock.

/** What the gateway does with a request. */
export type VerdictAction = 'allow' | 'block' | 'quarantine' | 'wipe' | 'accountWipe';

/** Published vocabulary of reasons; stable, used in logs, metrics and messages. */
export type VerdictReason =
  | 'compliant'
  | 'notCompliant'
  | 'notEnrolled'
  | 'unknownDevice'
  | 'individualRule'
  | 'wipeRequested'
  | 'wiped'
  | 'storeUnavailable';

/** Which wipe a verdict asks for; what the device answers is recorded against it. */
export interface WipeOrder {
  /** True = the decision holds for every user of the device, false = for this user's partnership. */
  readonly everyone: boolean;
  /** Milliseconds since the epoch; names this one wipe. */
  readonly requestedAt: number;
  /** When the decision was read, milliseconds since the epoch: an order that is not fresh must not be carried out. */
  readonly readAt: number;
}

/** A decision; frozen and shared between requests. */
export interface Verdict {
  readonly action: VerdictAction;
  readonly reason: VerdictReason;
  /** Where the decision came from, e.g. `partnership decision by admin`; for operators, never sent to phones. */
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

/** How far a wipe has come. */
export interface WipeProgress {
  /** Milliseconds since the epoch; names this one wipe. */
  readonly requestedAt: number;
  /** `failed`: the device said it could not; it is told again. */
  readonly state: 'pending' | 'acknowledged' | 'failed';
  /** When the device last answered, with success or failure, milliseconds since the epoch; `null` = not yet. */
  readonly acknowledgedAt: number | null;
  /** What it answered: 1 = wiped, 2 = failed (MS-ASPROV 2.2.2.54.3); `null` = nothing yet. */
  readonly deviceStatus: number | null;
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

/** A manual decision found under another spelling of the same device id. */
export interface AliasDecision {
  readonly alias: string;
  readonly decision: ManualDecision;
}

/** What the feeds know of a device. `null` = they never said. */
export interface DeviceState {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly model?: string | null;
  /** Which requirements it does not meet, in the feed's words. */
  readonly unmetRequirements?: readonly string[];
  /** Since when it is so, milliseconds since the epoch. */
  readonly stateSince?: number;
}

/** What the gateways saw of this user with this device. */
export interface SeenState {
  /** Milliseconds since the epoch. */
  readonly firstSeen: number;
  /** What the device calls itself; `null` = it did not say. */
  readonly model: string | null;
}

/** Everything one evaluation looks at. */
export interface PolicyFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly partnershipDecision: ManualDecision | null;
  readonly deviceDecision: ManualDecision | null;
  readonly aliasDecisions: readonly AliasDecision[];
  /** `null` = no feed knows the device. */
  readonly device: DeviceState | null;
  /** `null` or absent = never seen. */
  readonly partnership?: SeenState | null;
  /** Records of the device that the store holds and nobody understands: it is kept out. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** The configured defaults of the policy. */
export interface Policy {
  /** No feed knows the device. */
  readonly unknownDevice: 'allow' | 'block' | 'quarantine';
  /** A feed knows the device and says it is not managed. */
  readonly notEnrolled: 'allow' | 'block' | 'quarantine';
  /** Managed, but not compliant (or its compliance was never said). */
  readonly notCompliant: 'allow' | 'block' | 'quarantine';
}
