// Owns the inputs of a verdict. Imports no sockets, stores or clock.
import type { ManualDecision, WipePartnership } from '../model/decision.ts';

/** A decision on a partnership, and the user name it is stored under. */
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
