// Owns the words of the policy: what a verdict is, what it is decided from. Knows no sockets, no stores, no clock.

/** What the gateway does with a request. */
export type VerdictAction = 'allow' | 'block' | 'quarantine' | 'wipe' | 'accountWipe' | 'throttle';

/** Published vocabulary of reasons; stable, used in logs, metrics and messages. */
export type VerdictReason =
  | 'compliant'
  | 'notCompliant'
  | 'notEnrolled'
  | 'unknownDevice'
  | 'individualRule'
  | 'storeUnavailable';

/** A decision; frozen and shared between requests. */
export interface Verdict {
  readonly action: VerdictAction;
  readonly reason: VerdictReason;
  /** Where the decision came from, e.g. `partnership decision by admin`; for operators, never sent to phones. */
  readonly rule: string;
  /** Milliseconds since the epoch after which the verdict must be decided anew; `Infinity` when nothing expires. */
  readonly validUntil: number;
}

/** A decision an operator took by hand on a device or a partnership (user + device). */
export interface ManualDecision {
  readonly action: 'allow' | 'block' | 'quarantine';
  readonly owner: string;
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly decidedAt: number;
  /** Milliseconds since the epoch; `null` = until cleared. An expired decision is no decision. */
  readonly expiresAt: number | null;
}

/** A manual decision found under another spelling of the same device id. */
export interface AliasDecision {
  readonly alias: string;
  readonly decision: ManualDecision;
}

/** What the feeds know of a device. `null` = they never said. */
export interface DeviceState {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
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
