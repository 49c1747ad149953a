// Owns the interface of the directory, and the guarantees of every store.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { ManualDecision, WipePartnership } from '../model/decision.ts';
import type { WipeNotice, WipeOutcome } from '../policy/wipe.ts';
import type { DeviceRecord, DeviceReport } from '../model/device.ts';
import type { NewSpelling, PartnershipRecord } from '../model/partnership.ts';
import type { UserRecord } from '../model/user.ts';

/** A position in the change log; opaque, compare with {@link DirectoryStore.isBefore}. */
export type LogPosition = string;

/** A decision on a partnership, and the user name it is stored under. */
export interface UserDecision {
  readonly user: UserKey;
  readonly decision: ManualDecision;
}

/** Everything for one verdict, read in one transaction. */
export interface LookupResult {
  /** The user that the given name stands for: by the directory's aliases, else by the groups of domains. */
  readonly user: UserKey;
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
  /** This user's entry in the wipe of the device, and of the partnership; null = no wipe names the user. */
  readonly deviceWipe: WipePartnership | null;
  readonly partnershipWipe: WipePartnership | null;
  /** Null = never seen. */
  readonly partnership: PartnershipRecord | null;
  /** Every change up to this position is included. */
  readonly position: LogPosition;
  /** Malformed records of this device; they count as missing above. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** A change. `null` = not about a device (or user). */
export interface Change {
  readonly device: DeviceKey | null;
  readonly user: UserKey | null;
}

/** A part of the change log. */
export interface ChangeBatch {
  readonly changes: readonly Change[];
  /** The position after the last change. */
  readonly position: LogPosition;
  /** Changes before this part were lost: everything may have changed. */
  readonly trimmed: boolean;
}

/** A device with its decision, for lists. */
export interface DeviceListing {
  readonly key: DeviceKey;
  readonly record: DeviceRecord | null;
  readonly decision: ManualDecision | null;
  /** Malformed records, which stand as null above. Absent = none. */
  readonly unreadable?: readonly string[];
}

/** A partnership with its decision, for lists. */
export interface PartnershipListing {
  /** Only the names, when the record is malformed. */
  readonly record: PartnershipRecord;
  readonly decision: ManualDecision | null;
  readonly unreadable?: readonly string[];
}

/** An operator's decision and its subject; `user` null = the device, for every user. */
export interface StoredDecision {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly decision: ManualDecision;
}

/**
 * Records and their change log. Every write that can change a verdict appends to the log in the same transaction. All
 * methods reject with an Error with a `code` when the store is unavailable, or not the known one (store-identity.ts). A
 * malformed record affects only the verdict of its device; every write overwrites it.
 */
export interface DirectoryStore {
  readonly kind: 'embedded' | 'redis';
  /** Which user names are one user, and which may be. */
  readonly names: UserNames;
  /** One round trip. `user` as the login spells it. */
  lookup(user: UserKey, device: DeviceKey): Promise<LookupResult>;
  getDevice(key: DeviceKey): Promise<DeviceListing | null>;
  /**
   * False when a newer observation of the same source is stored. `stateSince` is kept while the state is unchanged. A
   * report without news is stored, but not appended to the log.
   */
  putDevice(report: DeviceReport): Promise<boolean>;
  getUser(key: UserKey): Promise<UserRecord | null>;
  putUser(record: UserRecord): Promise<void>;
  /** `user` null = for every user of the device, else the name to store it under; `decision` null = delete it. */
  decide(user: UserKey | null, device: DeviceKey, decision: ManualDecision | null): Promise<void>;
  /** Like {@link decide}, but only if `expected` is stored (null = none, or a malformed one); else false. */
  replaceDecision(
    user: UserKey | null,
    device: DeviceKey,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
  ): Promise<boolean>;
  /**
   * Records that the wipe order is about to be sent to one partnership. False when that wipe is no longer pending, or
   * does not name the partnership. `user` as in {@link decide}. Not appended to the log: no verdict changes.
   */
  noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean>;
  /**
   * Records a device's answer to a wipe. False when that wipe is no longer pending, or was never sent to this
   * partnership: a cancelled wipe stays cancelled, an acknowledged one stays unchanged. `user` as in {@link decide}.
   */
  acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean>;
  /** Decisions on partnerships of one device, by the names they are stored under. */
  listUserDecisions(device: DeviceKey): Promise<readonly UserDecision[]>;
  /** Every readable decision, also on devices and partnerships that were never seen. */
  listDecisions(): Promise<readonly StoredDecision[]>;
  listDevices(): Promise<readonly DeviceListing[]>;
  listPartnerships(): Promise<readonly PartnershipListing[]>;
  /** Names of all malformed records; scans the whole store. */
  unreadable(): Promise<readonly string[]>;
  /**
   * Writes partnerships; `firstSeen` and spellings of known ones are kept. Not appended to the log: no verdict changes.
   * Returns known partnerships with a new spelling of their device id.
   */
  recordSeen(batch: readonly PartnershipRecord[]): Promise<readonly NewSpelling[]>;
  /** 32 bytes in hex that all gateways of this directory share; generated at the first call. */
  sharedSecret(): Promise<string>;
  /** The current end of the log. */
  position(): Promise<LogPosition>;
  /** Changes after `position`; resolves when there are some, or empty after a short wait. */
  changesAfter(position: LogPosition): Promise<ChangeBatch>;
  isBefore(a: LogPosition, b: LogPosition): boolean;
  close(): Promise<void>;
}
