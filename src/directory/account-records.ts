// Owns the interface of a store to the accounts of the admin API (tokens, sessions, set-up links), which the gateways of a fleet share.

/** What a change did. */
export interface ChangedAccounts {
  /** Counts changes. */
  readonly version: number;
  /** How many of the fields to remove were there. */
  readonly removed: number;
}

/** All accounts, as they are stored. */
export interface StoredAccounts {
  readonly version: number;
  readonly fields: ReadonlyMap<string, string>;
}

/** The accounts' part of a store that several gateways use. Methods reject like those of the directory (store.ts). */
export interface AccountRecords {
  /** Counts changes; null = nothing was ever written. */
  version(): Promise<number | null>;
  all(): Promise<StoredAccounts>;
  /** Writes and removes fields in one step. */
  change(put: ReadonlyMap<string, string>, remove?: readonly string[]): Promise<ChangedAccounts>;
  /** Writes a field if it is there: a late note must not bring a removed one back. */
  note(field: string, text: string): Promise<void>;
  /** Writes these in place of all others; the version becomes higher than `least`. */
  replace(fields: ReadonlyMap<string, string>, least: number): Promise<ChangedAccounts>;
}
