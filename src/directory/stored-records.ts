// Owns the texts that a store holds about one device, and about the users whose names have one folded local part: what every
// store reads for a look-up and for a list, before the records are understood.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { UserDevice } from './store.ts';

/** A text that a feed wrote. */
export interface SourceText {
  readonly source: string;
  readonly text: string;
}

/** The texts stored about one device. */
export interface StoredDevice {
  readonly key: DeviceKey;
  readonly reports: readonly SourceText[];
  /** Each user once. */
  readonly partnerships: readonly (readonly [UserKey, string])[];
  /** The decision on the device; null = none was ever made. */
  readonly decision: string | null;
  /** Decisions on its partnerships, by the names they are stored under. */
  readonly userDecisions: ReadonlyMap<UserKey, string>;
  /** `user` null = on the device. */
  readonly imported: readonly (SourceText & { readonly user: UserKey | null })[];
  /** Records that are no text at all, by name. */
  readonly failures: readonly string[];
}

/** A device seen with a user, under this name of the user. */
export interface StoredUserDevice extends UserDevice {
  readonly user: UserKey;
}

/** The texts stored about users whose names have the same folded local part (identity/folded-name.ts). */
export interface StoredUsers {
  readonly reports: readonly (SourceText & { readonly user: UserKey })[];
  /** Which user a name of this local part stands for; that user may have another local part. */
  readonly aliases: ReadonlyMap<UserKey, UserKey>;
  /** Decisions on users with every device, by the names they are stored under. */
  readonly decisions: ReadonlyMap<UserKey, string>;
  readonly imported: readonly (SourceText & { readonly user: UserKey })[];
  /** Devices seen, by the names they were seen under. */
  readonly devices: readonly StoredUserDevice[];
  /** Records that are no text at all, by name. */
  readonly failures: readonly string[];
}
