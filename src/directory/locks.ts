// Owns locks by name: of all processes of one directory one has a lock, until it gives it back or no longer renews it. A lock keeps work
// from being done twice; it protects no write: the fence of the leader does (lease.ts).

/** Longest time of a lock: a longer one, as after a step of the clock, counts as ended. */
export const MAX_LOCK_MS = 60_000;

/** The locks, in the directory itself. All methods reject when the store is unavailable. */
export interface LockRecords {
  /**
   * Takes a lock for a time, or renews it: it is renewed with the secret token that it was taken with. `holder` says
   * for people who has it. Null = it is taken; else the holder that has it.
   */
  take(name: string, token: string, holder: string, milliseconds: number): Promise<string | null>;
  /** Gives it back; nothing happens when another one has it. */
  release(name: string, token: string): Promise<void>;
}
