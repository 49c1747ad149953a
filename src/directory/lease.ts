// Owns the lease of the leader: of all control processes of one directory one leads, until it stops renewing. A leader that was
// paused for too long may not know that another one leads: its writes carry its fence, and an older fence is refused.

/** A lease that was taken or renewed. */
export interface Lease {
  /** Grows with each new leader. */
  readonly fence: number;
}

/** Who leads. */
export interface Leader {
  readonly holder: string;
  readonly fence: number;
}

/** Longest time of a lease: a longer one, as after a step of the clock, counts as ended. */
export const MAX_LEASE_MS = 60_000;

/** The lease, in the directory itself. All methods reject when the store is unavailable. */
export interface LeaseRecords {
  /**
   * Takes the lease for a time, or renews it: it is renewed with the secret token that it was taken with.
   * `holder` is its name for people. Null = another one has it. From the moment a new lease is returned, writes with the
   * fence of an earlier one are refused.
   */
  take(token: string, holder: string, milliseconds: number): Promise<Lease | null>;
  /** Gives it back, so that another one need not wait; nothing happens when another one has it. */
  release(token: string): Promise<void>;
  /** Null = nobody has it. */
  leader(): Promise<Leader | null>;
}

/** A write carried the fence of an earlier leader: nothing was written. */
export class FencedError extends Error {
  readonly code = 'EASGATE_FENCED';
  constructor() {
    super('another control process leads by now: nothing was written');
  }
}
