// Owns what a verdict is decided from. Knows no sockets, no stores, no clock.
import type { ManualDecision, WipePartnership } from '../model/decision.ts';

/** A decision on a partnership, and the user name it is stored under. */
export interface NamedDecision {
  readonly user: string;
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
  /** The reason of the verdict that it last met. */
  readonly lastReason?: string;
}

/** Everything one evaluation looks at. */
export interface PolicyFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly deviceDecision: ManualDecision | null;
  /** On the partnership, under exactly this user. */
  readonly partnershipDecision: ManualDecision | null;
  /** The name it is stored under; `null` or absent = there is none. */
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

/** The configured defaults of the policy. */
export interface Policy {
  /** No feed knows the device. */
  readonly unknownDevice: 'allow' | 'block' | 'quarantine';
  /** A feed knows the device and says it is not managed. */
  readonly notEnrolled: 'allow' | 'block' | 'quarantine';
  /** Managed, but not compliant (or its compliance was never said). */
  readonly notCompliant: 'allow' | 'block' | 'quarantine';
}
