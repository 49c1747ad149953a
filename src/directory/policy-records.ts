// Owns the interface of a store to the versions of the policy: texts, and which of them are in use.

/** A version to add. */
export interface AddedVersion {
  readonly version: number;
  readonly text: string;
}

/** The policy's part of a store. Methods reject like those of the directory (store.ts). */
export interface PolicyRecords {
  /** Which versions are in use (model/policy-version.ts); null = nothing was ever published. */
  state(): Promise<string | null>;
  /** A version; null = there is none of this number. */
  version(version: number): Promise<string | null>;
  /**
   * Writes the state, and a version with it, if `expected` is the state that is stored; else returns false. The change log says
   * that the policy changed.
   */
  replace(expected: string | null, state: string, added: AddedVersion | null): Promise<boolean>;
}
