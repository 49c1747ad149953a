// Owns the one interface behind which the directory is kept, and what every store promises.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { ManualDecision, WipePartnership } from '../model/decision.ts';
import type { WipeNotice, WipeOutcome } from '../policy/wipe.ts';
import type { DeviceRecord, DeviceReport } from '../model/device.ts';
import type { NewSpelling, PartnershipRecord } from '../model/partnership.ts';
import type { UserRecord } from '../model/user.ts';

/** A place in the change log; opaque, compare with {@link DirectoryStore.isBefore}. */
export type LogPosition = string;

/** A decision on a partnership, and the user it is stored under. */
export interface UserDecision {
  readonly user: UserKey;
  readonly decision: ManualDecision;
}

/** Everything one verdict needs, read at one moment. */
export interface LookupResult {
  /** The user that the given name means: by the directory's aliases, else by the groups of domains. */
  readonly user: UserKey;
  readonly device: DeviceRecord | null;
  readonly deviceDecision: ManualDecision | null;
  /** The strictest of {@link exactDecisions}; null = none. */
  readonly partnershipDecision: ManualDecision | null;
  /** The name it is stored under. */
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
  /** Every change up to this place is in the answer. */
  readonly position: LogPosition;
  /** Records of this device that are not understood; they count as none above. Absent = all are. */
  readonly unreadable?: readonly string[];
}

/** What changed. `null` = not about a device (or user). */
export interface Change {
  readonly device: DeviceKey | null;
  readonly user: UserKey | null;
}

/** A stretch of the change log. */
export interface ChangeBatch {
  readonly changes: readonly Change[];
  /** The place behind the last change. */
  readonly position: LogPosition;
  /** Changes before this stretch were lost: everything may have changed. */
  readonly trimmed: boolean;
}

/** A device with its decision, for lists. */
export interface DeviceListing {
  readonly key: DeviceKey;
  readonly record: DeviceRecord | null;
  readonly decision: ManualDecision | null;
  /** What of it is not understood, and stands as null above. Absent = nothing. */
  readonly unreadable?: readonly string[];
}

/** A partnership with its decision, for lists. */
export interface PartnershipListing {
  /** Nothing but the names, when it is not understood. */
  readonly record: PartnershipRecord;
  readonly decision: ManualDecision | null;
  readonly unreadable?: readonly string[];
}

/** A decision by hand and what it is on; `user` null = the device, for every user. */
export interface StoredDecision {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly decision: ManualDecision;
}

/**
 * Records and their change log. Every write that can change a verdict appends to the log in the same transaction.
 * All methods reject with an Error that has a `code` when the store is unreachable, or not the known one (store-identity.ts).
 * A record that is not understood fails nothing but the verdict of its device; every write overwrites it.
 */
export interface DirectoryStore {
  readonly kind: 'embedded' | 'redis';
  /** Which user names are one user, and which may be. */
  readonly names: UserNames;
  /** One round trip. `user` in the spelling of its login. */
  lookup(user: UserKey, device: DeviceKey): Promise<LookupResult>;
  getDevice(key: DeviceKey): Promise<DeviceListing | null>;
  /**
   * False when a newer observation of the same source is stored already. `stateSince` of a device whose state is the same
   * stays. A report that repeats what is known is stored, but appends nothing to the log.
   */
  putDevice(report: DeviceReport): Promise<boolean>;
  getUser(key: UserKey): Promise<UserRecord | null>;
  putUser(record: UserRecord): Promise<void>;
  /** `user` null = for every user of the device, else the name to store it under; `decision` null = clears it. */
  decide(user: UserKey | null, device: DeviceKey, decision: ManualDecision | null): Promise<void>;
  /**
   * Like {@link decide}, but only while `expected` is what is stored (null = nothing, or nothing that is understood); false
   * when it is something else by now.
   */
  replaceDecision(
    user: UserKey | null,
    device: DeviceKey,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
  ): Promise<boolean>;
  /**
   * Records that the order to wipe is about to be sent to one partnership. False when that wipe no longer waits for an
   * answer, or does not name the partnership. `user` as in {@link decide}. Appends nothing to the log: no verdict changes.
   */
  noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean>;
  /**
   * Records what a device answered to a wipe. False when that wipe no longer waits for an answer, or the order was never
   * sent to this partnership: a cancelled one does not come back, one acknowledged before stays as it is. `user` as in
   * {@link decide}.
   */
  acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean>;
  /** Decisions on partnerships of one device, by the names they are stored under. */
  listUserDecisions(device: DeviceKey): Promise<readonly UserDecision[]>;
  /** Every decision that is understood, also on devices and partnerships that were never seen. */
  listDecisions(): Promise<readonly StoredDecision[]>;
  listDevices(): Promise<readonly DeviceListing[]>;
  listPartnerships(): Promise<readonly PartnershipListing[]>;
  /** Every record that is not understood, by name; walks the whole store. */
  unreadable(): Promise<readonly string[]>;
  /**
   * Writes what was seen; `firstSeen` and spellings of a known partnership stay. Appends nothing to the log: no verdict
   * changes. Returns the known partnerships that were seen under a new spelling of their device id.
   */
  recordSeen(batch: readonly PartnershipRecord[]): Promise<readonly NewSpelling[]>;
  /** 32 bytes in hex that all gateways of this directory share; drawn when first asked for. */
  sharedSecret(): Promise<string>;
  /** The end of the log now. */
  position(): Promise<LogPosition>;
  /** Changes behind `position`; resolves when there are some, or empty after a short while. */
  changesAfter(position: LogPosition): Promise<ChangeBatch>;
  isBefore(a: LogPosition, b: LogPosition): boolean;
  close(): Promise<void>;
}
