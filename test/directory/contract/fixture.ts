// Owns what a store hands to the contract that is run on it.
import type { SourceOrder } from '../../../src/directory/device-reports.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import type { UserNames } from '../../../src/identity/user-names.ts';

/** A record in a store; `device` or `user` null = every. */
export type StoredRecord =
  | { readonly kind: 'deviceReport'; readonly device: DeviceKey; readonly source: string }
  | { readonly kind: 'userReport'; readonly user: UserKey; readonly source: string }
  | { readonly kind: 'partnership'; readonly device: DeviceKey; readonly user: UserKey }
  | { readonly kind: 'decision'; readonly device: DeviceKey | null; readonly user: UserKey | null }
  | {
      readonly kind: 'imported';
      readonly device: DeviceKey | null;
      readonly user: UserKey | null;
      readonly source: string;
    };

/** What a handle on a directory is opened with. */
export interface OpenOptions {
  /** Absent = no groups of domains. */
  readonly names?: UserNames;
  /** Absent = none configured. */
  readonly sources?: SourceOrder;
}

/** Opens handles on one and the same directory; `reset` gives the next test an empty one. */
export interface StoreFixture {
  open(options?: OpenOptions): Promise<DirectoryStore>;
  reset(): Promise<void>;
  /** Writes a text as other tools would: without any check, and without a change of the log. */
  writeText(record: StoredRecord, text: string): Promise<void>;
}
