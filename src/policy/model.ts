// Owns the inputs of a verdict. Imports no sockets, stores or clock.
import type { ManualDecision, WipePartnership } from '../model/decision.ts';

/** A decision on a partnership, and the user name it is stored under. */
export interface NamedDecision {
  readonly user: string;
  readonly decision: ManualDecision;
}

/** The feeds' data about a device. `null` = not reported. */
export interface DeviceState {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly model?: string | null;
  /** Unmet requirements in the feed's words. */
  readonly unmetRequirements?: readonly string[];
  /** Since when the state exists, milliseconds since the epoch. */
  readonly stateSince?: number;
}

/** The gateways' record of this user with this device. */
export interface SeenState {
  /** Milliseconds since the epoch. */
  readonly firstSeen: number;
  /** The model as the device reported it; `null` = not reported. */
  readonly model: string | null;
  /** The reason of its last verdict. */
  readonly lastReason?: string;
}

/** The inputs of one evaluation. */
export interface PolicyFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly deviceDecision: ManualDecision | null;
  /** The decision on the partnership of exactly this user. */
  readonly partnershipDecision: ManualDecision | null;
  /** The name that decision is stored under; `null` or absent = none. */
  readonly decidedFor?: string | null;
  /** Decisions on names that may be this user: only denials apply. */
  readonly namesakeDecisions: readonly NamedDecision[];
  /** This user's entry in the wipe of the device or partnership; `null` or absent = not named. */
  readonly deviceWipe?: WipePartnership | null;
  readonly partnershipWipe?: WipePartnership | null;
  /** `null` = no feed reports the device. */
  readonly device: DeviceState | null;
  /** `null` or absent = never seen. */
  readonly partnership?: SeenState | null;
  /** Malformed records of the device: it is denied. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** The configured defaults of the policy. */
export interface Policy {
  /** No feed reports the device. */
  readonly unknownDevice: 'allow' | 'block' | 'quarantine';
  /** A feed reports the device as not managed. */
  readonly notEnrolled: 'allow' | 'block' | 'quarantine';
  /** Managed, but not compliant (or compliance not reported). */
  readonly notCompliant: 'allow' | 'block' | 'quarantine';
}
