// Owns the records that a verdict is made from, as the policy sees them. Imports no sockets, stores or clock.
import type { AccessDecision, ManualDecision, WipePartnership } from '../model/decision.ts';

/** A decision on a partnership, and the user name it is stored under. */
export interface NamedDecision {
  readonly user: string;
  readonly decision: ManualDecision;
}

/** The report of the feeds about a device, put together. Null or absent = unknown; times are milliseconds since the epoch. */
export interface DeviceState {
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly encrypted?: boolean | null;
  readonly compromised?: boolean | null;
  readonly managedMailProfile?: boolean | null;
  readonly platform?: string | null;
  readonly osVersion?: string | null;
  readonly model?: string | null;
  readonly manufacturer?: string | null;
  readonly ownership?: string | null;
  /** In the words of the feed, e.g. `iOS 17.4.1`. */
  readonly os?: string | null;
  readonly lastCheckIn?: number | null;
  readonly graceUntil?: number | null;
  /** Which requirements it does not meet, in the words of the feed. */
  readonly unmetRequirements?: readonly string[];
  readonly reportedSince?: number | null;
  /** Since when it is not managed. */
  readonly managedUnmetSince?: number | null;
  readonly compliantUnmetSince?: number | null;
  readonly encryptedUnmetSince?: number | null;
  readonly compromisedUnmetSince?: number | null;
  readonly mailProfileUnmetSince?: number | null;
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

/** The gateways' record of this user with this device. Null or absent = nothing; times are milliseconds since the epoch. */
export interface SeenState {
  readonly firstSeen: number;
  readonly lastSeen?: number;
  readonly lastAllowed?: number | null;
  readonly deviceType?: string;
  /** The name that the device gives itself. */
  readonly model: string | null;
  /** The operating system that it says it runs. */
  readonly os?: string | null;
  /** The last verdict on it, and its reason. */
  readonly lastVerdict?: string;
  readonly lastReason?: string;
  /** When its User-Agent last changed. */
  readonly agentChanges?: readonly number[];
}

/** The reports of the feeds about a user, put together. */
export interface UserState {
  /** Other names of the user. */
  readonly aliases: readonly string[];
  /** Null = no feed knows the groups. */
  readonly groups: readonly string[] | null;
  /** Null = no feed said. */
  readonly enabled: boolean | null;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A device of the user; times are milliseconds since the epoch. */
export interface OwnDevice {
  readonly device: string;
  readonly firstSeen: number;
  readonly lastAllowed: number | null;
}

/** A decision that a feed imported. Null = about every device, or every user. */
export interface ImportedState {
  readonly source: string;
  readonly device: string | null;
  readonly user: string | null;
  readonly decision: AccessDecision;
}

/** The records for one decision. */
export interface AccessRecords {
  /** The user that the login name stands for; absent = unknown. */
  readonly user?: string;
  /** `null` or absent = no feed knows the user. */
  readonly userRecord?: UserState | null;
  /** In the order of first seen; absent = none. */
  readonly userDevices?: readonly OwnDevice[];
  /** Absent = not known. */
  readonly usersOnDevice?: number;
  readonly deviceDecision: ManualDecision | null;
  /** The strictest decision on the partnership of exactly this user. */
  readonly partnershipDecision: ManualDecision | null;
  /** All decisions on the partnership of exactly this user; absent = no other one. */
  readonly exactDecisions?: readonly NamedDecision[];
  /** The name under which the strictest one is stored; `null` or absent = none. */
  readonly decidedFor?: string | null;
  /** Decisions on names that may be this user: only denials apply. */
  readonly namesakeDecisions: readonly NamedDecision[];
  /** Decisions on this user with every device; absent = none. */
  readonly userDecisions?: readonly NamedDecision[];
  /** Decisions on users, with every device, whose names may be this user: only denials apply. Absent = none. */
  readonly namesakeUserDecisions?: readonly NamedDecision[];
  /** Absent = none. */
  readonly importedDecisions?: readonly ImportedState[];
  /** This user's entry in the wipe of the device or partnership; `null` or absent = not named. */
  readonly deviceWipe?: WipePartnership | null;
  readonly partnershipWipe?: WipePartnership | null;
  /** `null` = no feed reports the device. */
  readonly device: DeviceState | null;
  /** `null` or absent = never seen. */
  readonly partnership?: SeenState | null;
  /** Malformed records of the device or user: it is denied. Absent = none. */
  readonly unreadable?: readonly string[];
}
