// Owns the minimum rate of request bodies: clients that trickle bytes would occupy connections (slow-body attacks such
// as R-U-Dead-Yet).

/** Measures one body. */
export class BodyRate {
  private since: number;
  private from = 0;

  /** `now` in clock milliseconds: the body begins. */
  constructor(now: number) {
    this.since = now;
  }

  /** Restarts the measurement. `now` in clock milliseconds, `received` in octets. */
  restart(now: number, received: number): void {
    this.since = now;
    this.from = received;
  }

  /** Whether the rate was below `minRate` octets per second over `windowMs`; a new window then starts. */
  isTooSlow(now: number, received: number, windowMs: number, minRate: number): boolean {
    const elapsed = now - this.since;
    if (elapsed < windowMs) return false;
    const slow = (received - this.from) / (elapsed / 1000) < minRate;
    this.restart(now, received);
    return slow;
  }
}
