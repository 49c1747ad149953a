// Owns the interface of `easgate store` to a store: its identity, read and written without checks.
import type { StoreIdentity, StoreOutageError } from './store-identity.ts';

/** How many records of an earlier layout were brought over; `done` = there were none, `inUse` = a gateway is running. */
export type Migration =
  | {
      readonly kind: 'migrated';
      readonly records: Readonly<Record<string, number>>;
      readonly identity: StoreIdentity;
    }
  | { readonly kind: 'done' | 'inUse' | 'changed' };

export interface StoreKeeper {
  /** Where the store is, in words. */
  readonly place: string;
  /** Null = none. */
  read(): Promise<StoreIdentity | null>;
  /** Writes `after` and initial data of a store if the identity is still `before`; false when it is another one. */
  replace(before: StoreIdentity | null, after: StoreIdentity): Promise<boolean>;
  /** Brings records of an earlier layout over, and raises the epoch. Absent = the store does it when it is opened. */
  migrate?(): Promise<Migration>;
  /** Why its data may be out of date; null = it is not, or that is not known. Absent = it never is. */
  stale?(): Promise<StoreOutageError | null>;
  /** Settings of the server that should be changed, in words. Absent = there are none to look at. */
  advice?(): Promise<readonly string[]>;
  close(): Promise<void>;
}
