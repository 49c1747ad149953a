// Owns what `easgate store` needs of a store: its identity, read and written without being judged first.
import type { StoreIdentity } from './store-identity.ts';

export interface StoreKeeper {
  /** Where the store is, in words. */
  readonly place: string;
  /** Null = there is none. */
  read(): Promise<StoreIdentity | null>;
  /** Writes `after`, and what else a store needs, while the identity is `before`; false when it is another one by now. */
  replace(before: StoreIdentity | null, after: StoreIdentity): Promise<boolean>;
  close(): Promise<void>;
}
