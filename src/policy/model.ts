// Owns the inputs of a verdict. Imports no sockets, stores or clock.
import type { ManualDecision, WipePartnership } from '../model/decision.ts';

/** A decision on a partnership, and the user name it is stored under. */
export interface NamedDecision {
  readonly user: string;
  readonly decision: ManualDecision;
}

/** The feeds' report of a device. Null or absent = never reported; times are milliseconds since the epoch. */
export interface DeviceState {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly encrypted?: boolean | null;
  readonly compromised?: boolean | null;
  readonly model?: string | null;
  /** As the feed writes it, e.g. `iOS 17.4.1`. */
  readonly os?: string | null;
  readonly lastCheckIn?: number | null;
  /** Unmet requirements, in the feed's words. */
  readonly unmetRequirements?: readonly string[];
  /** Time of the last change of `managed` or `compliant`. */
  readonly stateSince?: number;
}

/** The gateways' record of this user with this device. Null or absent = nothing; times are milliseconds since the epoch. */
export interface SeenState {
  readonly firstSeen: number;
  readonly lastSeen?: number;
  readonly deviceType?: string;
  /** The model, as the device reports it. */
  readonly model: string | null;
  /** The operating system, as the device reports it. */
  readonly os?: string | null;
  /** The last verdict, and its reason. */
  readonly lastVerdict?: string;
  readonly lastReason?: string;
}

/** The records for one decision. */
export interface AccessRecords {
  /** The user that the login name stands for; absent = unknown. */
  readonly user?: string;
  readonly deviceDecision: ManualDecision | null;
  /** The strictest decision on the partnership of exactly this user. */
  readonly partnershipDecision: ManualDecision | null;
  /** All decisions on the partnership of exactly this user; absent = no other one. */
  readonly exactDecisions?: readonly NamedDecision[];
  /** The name under which the strictest one is stored; `null` or absent = none. */
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
