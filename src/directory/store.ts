// Owns the interface of the directory, and the guarantees of every store.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import type {
  AccessDecision,
  DecisionOrigin,
  DecisionRecord,
  DecisionSubject,
  ImportedDecision,
  ManualDecision,
  WipePartnership,
} from '../model/decision.ts';
import type { DeviceObservation, DeviceRecord, DeviceReport } from '../model/device.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import type { PartnershipSignal } from '../model/signal.ts';
import type { UserObservation, UserRecord, UserReport } from '../model/user.ts';
import type { WipeNotice, WipeOutcome } from '../policy/wipe.ts';
import type { ReportOutcome, SourceOrder } from './device-reports.ts';
import type { ChangeNotes } from './change-notes.ts';
import type { DeliveryMemory } from './delivery-memory.ts';
import type { LeaseRecords } from './lease.ts';
import type { AccountRecords } from './account-records.ts';
import type { LockRecords } from './locks.ts';
import type { PolicyRecords } from './policy-records.ts';
import type { PushMemory } from './push-memory.ts';

/**
 * A position in the change log: opaque, a vector of the positions of all parts of the log, or of those that a look-up read.
 * Compare with {@link DirectoryStore.isBefore}.
 */
export type LogPosition = string;

/** The user, as the login names it, and the device of a look-up. */
export interface Pair {
  readonly user: UserKey;
  readonly device: DeviceKey;
}

/** A decision on a partnership or a user, and the user name it is stored under. */
export interface UserDecision {
  readonly user: UserKey;
  readonly decision: ManualDecision;
}

/** A device of a user, as far as its place among them counts. */
export interface UserDevice {
  readonly device: DeviceKey;
  /** Milliseconds since the epoch. */
  readonly firstSeen: number;
  /** Milliseconds since the epoch; null = never. */
  readonly lastAllowed: number | null;
}

/** Everything for one verdict, read in one transaction for the device and one for the user. */
export interface LookupResult {
  /** The user that the given name stands for: by the directory's aliases, else by the groups of domains. */
  readonly user: UserKey;
  /** What the feeds report of that user; null = no feed knows the user. */
  readonly userRecord: UserRecord | null;
  /** Devices of the user under all names, in the order of first seen; bounded. */
  readonly userDevices: readonly UserDevice[];
  /** How many users were seen with the device; bounded. */
  readonly usersOnDevice: number;
  /** Put together from the reports of all feeds; null = no feed reports the device. */
  readonly device: DeviceRecord | null;
  readonly deviceDecision: ManualDecision | null;
  /** The strictest of {@link exactDecisions}; null = none. */
  readonly partnershipDecision: ManualDecision | null;
  /** The name that decision is stored under. */
  readonly decidedFor: UserKey | null;
  /** Decisions on the partnership of this user with the device, under any name that is this user. */
  readonly exactDecisions: readonly UserDecision[];
  /** Decisions on partnerships of the device under names that may be this user. */
  readonly namesakeDecisions: readonly UserDecision[];
  /** Decisions on this user with every device, under any name that is this user. */
  readonly userDecisions: readonly UserDecision[];
  /** Decisions on users with every device, under names that may be this user. */
  readonly namesakeUserDecisions: readonly UserDecision[];
  /** Decisions that feeds imported on the device, the partnership or the user, under names that are this user. */
  readonly importedDecisions: readonly ImportedDecision[];
  /** This user's entry in the wipe of the device, and of the partnership; null = no wipe names the user. */
  readonly deviceWipe: WipePartnership | null;
  readonly partnershipWipe: WipePartnership | null;
  /** Put together from the records under all names of the user, the earliest first seen. Null = never seen. */
  readonly partnership: PartnershipRecord | null;
  /** Every change up to this position is included. */
  readonly position: LogPosition;
  /** Malformed records of this device or user; they count as missing above. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** A change. `null` = not about a device (or user). */
export interface Change {
  readonly device: DeviceKey | null;
  readonly user: UserKey | null;
  /** Another version of the policy is in use, or in the shadow; device and user are null. */
  readonly policy?: true;
}

/** The versions of the policy in use changed. */
export const POLICY_CHANGE: Change = Object.freeze({ device: null, user: null, policy: true });

/**
 * Records that a run of a feed writes by one call. A store sorts them, and writes as many at once as those beside it bear: few calls of many records
 * take less than many of few.
 */
export const BULK_RECORDS = 4_000;

/** A part of the change log. */
export interface ChangeBatch {
  readonly changes: readonly Change[];
  /** The position after the last change, of all parts of the log. */
  readonly position: LogPosition;
  /** Changes before this part were lost: everything may have changed. */
  readonly trimmed: boolean;
  /** Some nodes did not answer: their changes come with a later batch. Absent = false. */
  readonly isPartial?: boolean;
  /** The change log was read, but look-ups get no answer in time: the error. Absent = they do. */
  readonly silence?: Error;
}

/** Everything stored about a device. */
export interface DeviceEntry {
  readonly key: DeviceKey;
  /** In the order of precedence. */
  readonly reports: readonly DeviceReport[];
  /** Put together from the reports; null = there are none. */
  readonly record: DeviceRecord | null;
  /** The decision on the device; `decision: null` = none. */
  readonly decided: DecisionRecord;
  /** Decisions on its partnerships, by the user names they are stored under. */
  readonly decidedByUser: ReadonlyMap<UserKey, DecisionRecord>;
  readonly imported: readonly ImportedDecision[];
  readonly partnerships: readonly PartnershipRecord[];
  /** Malformed records, which are missing above. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** Everything stored about a user. */
export interface UserEntry {
  readonly key: UserKey;
  /** In the order of precedence. */
  readonly reports: readonly UserReport[];
  /** Put together from the reports; null = there are none. */
  readonly record: UserRecord | null;
  /** The decision on the user; `decision: null` = none. */
  readonly decided: DecisionRecord;
  readonly imported: readonly ImportedDecision[];
  /** Devices seen under this name. */
  readonly devices: readonly UserDevice[];
  /** Malformed records, which are missing above. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** A user with the facts from the reports under all its names (decisions/0190). */
export interface JoinedUser {
  /** The user's own name, for which the other names stand. */
  readonly user: UserKey;
  /** Put together from the reports; null = there are none. */
  readonly record: UserRecord | null;
  /** Reports under all names of the user, in the order of precedence. */
  readonly reports: readonly UserReport[];
  /** A report that disables the account under an alias that belongs to another user now; null = there is none, or one of `reports` disables it. */
  readonly disabledBy: UserReport | null;
}

/** A part of the directory, for a walk beside others: the devices behind `after` up to `upTo`; null = up to the last one. Plain data. */
export interface ScanPart {
  readonly after: string;
  readonly upTo: string | null;
}

/** Records as the store sends them, for another thread to understand. Plain data. */
export interface PackedRecords {
  readonly replies: readonly Uint8Array[];
}

/** How several threads walk over the directory: each over a part, which it reads itself. */
export interface PartsWalk {
  readonly kind: 'parts';
  /**
   * Parts that together hold every device once, about equally large: `most` of them, or fewer where they would have fewer than
   * `atLeast` devices each.
   */
  parts(most: number, atLeast: number): Promise<readonly ScanPart[]>;
  /** As {@link DirectoryStore.scanUsers} returns them; each is understood when it is asked for, once (decisions/0197). */
  users(withDevices: boolean): AsyncIterable<Iterable<UserEntry>>;
  /** As {@link DirectoryStore.scanDevices} returns them, likewise. */
  devices(part: ScanPart): AsyncIterable<Iterable<DeviceEntry>>;
}

/** Likewise: one thread reads, and sends the others what it read. They understand it, which takes longer. */
export interface SentWalk {
  readonly kind: 'sent';
  /** Whether there are so many devices. */
  holds(devices: number): Promise<boolean>;
  /** Every user, then every device, once, in lists of limited size. Only keys of devices are kept meanwhile, some 70 bytes each. */
  scan(): AsyncIterable<SentRecords>;
  /** As {@link DirectoryStore.scanUsers} returns them; each is understood when it is asked for, once (decisions/0197). */
  users(packed: PackedRecords, withDevices: boolean): Iterable<UserEntry>;
  /** As {@link DirectoryStore.scanDevices} returns them, likewise. */
  devices(packed: PackedRecords): Iterable<DeviceEntry>;
}

/** One list of a {@link SentWalk}. */
export interface SentRecords {
  readonly kind: 'users' | 'devices';
  readonly packed: PackedRecords;
  /** Nothing else uses the memory of the replies: it may be given to another thread. */
  readonly ownsMemory: boolean;
}

/** A decision of a feed to store under its source; null = it no longer makes one. */
export interface ImportedChange extends DecisionSubject {
  readonly decision: AccessDecision | null;
}

/** A decision that was written. */
export interface Written {
  /**
   * Whether a second server has it too: then it survives the loss of the first one. Null = the store has no second server.
   */
  readonly replicated: boolean | null;
}

/**
 * Records and their change log. Every write that can change a verdict appends to the log in the same transaction. All
 * methods reject with an Error with a `code` when the store is unavailable, or not the known one (store-identity.ts). A
 * malformed record affects only the verdict of its device or user; every write of it overwrites it.
 */
export interface DirectoryStore {
  readonly kind: 'embedded' | 'redis';
  /** Why the store, which can be read, has refused several changes in a row; null = it takes changes, or this process does not serve. */
  readonly refusal: string | null;
  /** Which user names are one user, and which may be. */
  readonly names: UserNames;
  /** Precedence of the sources of reports. */
  readonly sources: SourceOrder;
  /** Versions of the policy. */
  readonly policies: PolicyRecords;
  /** Which control process leads. */
  readonly leases: LeaseRecords;
  /** Accounts of the admin API; null = one gateway uses the store, and keeps them itself. */
  readonly accounts: AccountRecords | null;
  /** Work that one process does at a time. */
  readonly locks: LockRecords;
  /** Deliveries to feeds that were carried out. */
  readonly deliveries: DeliveryMemory;
  /** Answers to pushed records, by their idempotency keys. */
  readonly pushes: PushMemory;
  /** Changed decisions, until it was looked whether the audit has them. */
  readonly notes: ChangeNotes;
  /** One round trip, one or two more where the user has names with other local parts. `user` as the login spells it. */
  lookup(user: UserKey, device: DeviceKey): Promise<LookupResult>;
  /** Like {@link lookup} for each pair, in as few calls as possible. Each promise is settled separately: others may fail, or take longer. */
  lookups(pairs: readonly Pair[]): readonly Promise<LookupResult>[];

  getDevice(key: DeviceKey): Promise<DeviceEntry | null>;
  /** Each of them, in their order, in one transaction or few round trips: a few hundred at most. */
  getDevices(keys: readonly DeviceKey[]): Promise<readonly (DeviceEntry | null)[]>;
  /** The user with exactly this name, or the user of which it is an alias. Reports under other names are left out. */
  getUser(name: UserKey): Promise<UserEntry | null>;
  /** The user that a name stands for, with the reports under all its names, as a look-up reads it. */
  joinedUser(name: UserKey): Promise<JoinedUser>;
  /**
   * What a source reports of each of these users under exactly this name, in their order: a few hundred at most. Null = nothing, or a malformed
   * record.
   */
  getUserReports(source: string, keys: readonly UserKey[]): Promise<readonly (UserReport | null)[]>;
  /** Every device of which anything is stored, in lists of limited size, in no order; memory does not grow with the store. */
  scanDevices(): AsyncIterable<readonly DeviceEntry[]>;
  /**
   * Every user of whom anything is stored, likewise. `withDevices` false = `devices` may be empty, and users of whom nothing else is
   * stored may be missing: where the reader does not need them, they are not read.
   */
  scanUsers(withDevices?: boolean): AsyncIterable<readonly UserEntry[]>;
  /** For a walk in several threads. */
  readonly spread: PartsWalk | SentWalk;

  /**
   * Joins each observation with what its source said before (device-reports.ts). Reports without news are stored, but not
   * appended to the log; many are written with few entries of the log. The outcomes are in the order of the observations.
   * `fence`: of the leader that writes; one of an earlier leader is refused (FencedError in lease.ts). Likewise below.
   */
  putDevices(observations: readonly DeviceObservation[], fence?: number): Promise<readonly ReportOutcome[]>;
  /** Likewise (user-reports.ts). An alias that another user has is taken over. */
  putUsers(observations: readonly UserObservation[], fence?: number): Promise<readonly ReportOutcome[]>;
  /** Writes decisions that a feed imports; they count only where no operator's decision is in force. */
  putImported(source: string, changes: readonly ImportedChange[], fence?: number): Promise<void>;

  /** `decision` null = it is taken back; its history stays. */
  decide(subject: DecisionSubject, decision: ManualDecision | null, origin: DecisionOrigin): Promise<Written>;
  /**
   * Like {@link decide}, but only if `expected` is stored (null = none, or a malformed one); else null. The change is noted (`notes`): one
   * that is made by a person has an entry in the audit.
   */
  replaceDecision(
    subject: DecisionSubject,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written | null>;
  /**
   * Records that the wipe order is about to be sent to one partnership. False when that wipe is no longer pending, or
   * does not name the partnership. `user` null = the wipe of the device. Not appended to the log: no verdict changes.
   */
  noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean>;
  /**
   * Records a device's answer to a wipe. False when that wipe is no longer pending, or was never sent to this
   * partnership: a cancelled wipe stays cancelled, an acknowledged one stays unchanged. `user` as above.
   */
  acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean>;

  /**
   * Writes partnerships; `firstSeen`, `lastAllowed` and spellings of known ones are kept. Not appended to the log: no
   * verdict changes. `onSignal`: called with what is noticed (model/signal.ts) as soon as the records that it is about are written: where
   * later ones fail, the next attempt would find these known.
   */
  recordSeen(
    batch: readonly PartnershipRecord[],
    onSignal?: (signal: PartnershipSignal) => void,
  ): Promise<void>;
  /** Names of all malformed records; scans the whole store. */
  unreadable(): Promise<readonly string[]>;
  /** 32 bytes in hex that all gateways of this directory share; generated at the first call. */
  sharedSecret(): Promise<string>;
  /** The current end of the log. */
  position(): Promise<LogPosition>;
  /** Changes after `position`; resolves when there are some, or empty after a short wait. */
  changesAfter(position: LogPosition): Promise<ChangeBatch>;
  /** Whether some part of the log stands earlier in `a` than in `b`; parts that only one of them has do not count. */
  isBefore(a: LogPosition, b: LogPosition): boolean;
  close(): Promise<void>;
}
