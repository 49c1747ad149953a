// Owns the interface of `easgate store` to a store: its identity, read and written without checks.
import type { StoreIdentity } from './store-identity.ts';

export interface StoreKeeper {
  /** Where the store is, in words. */
  readonly place: string;
  /** Null = none. */
  read(): Promise<StoreIdentity | null>;
  /** Writes `after` and initial data of a store if the identity is still `before`; false when it is another one. */
  replace(before: StoreIdentity | null, after: StoreIdentity): Promise<boolean>;
  close(): Promise<void>;
}
