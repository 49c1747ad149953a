// Owns the pause before an ended worker is restarted.

/** Bounds of the pauses, in milliseconds. */
export interface BackoffSettings {
  readonly firstMs: number;
  readonly maxMs: number;
  /** A worker that ran for this time counts as started: the pauses begin again with the shortest. */
  readonly steadyMs: number;
}

/** Pauses that double with each failure. */
export class Backoff {
  private readonly settings: BackoffSettings;
  private failures = 0;

  constructor(settings: BackoffSettings) {
    this.settings = settings;
  }

  /** The pause after a worker that ran for this time; 0 = it never served. */
  next(livedMs: number): number {
    const { firstMs, maxMs, steadyMs } = this.settings;
    if (livedMs >= steadyMs) this.failures = 0;
    return Math.min(firstMs * 2 ** this.failures++, maxMs);
  }
}
