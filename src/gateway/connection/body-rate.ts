// Owns how fast a request body comes: a phone that trickles bytes holds a connection for nothing (http-proxy facts, 1.1).

/** Measures one body after the other. */
export class BodyRate {
  private since = 0;
  private from = 0;

  /** Measures anew from here: the time before is not counted. `now` in clock milliseconds, `received` in octets. */
  restart(now: number, received: number): void {
    this.since = now;
    this.from = received;
  }

  /** Whether the body came slower than `minRate` octets a second over a window of `windowMs`; a new window begins then. */
  isTooSlow(now: number, received: number, windowMs: number, minRate: number): boolean {
    const elapsed = now - this.since;
    if (elapsed < windowMs) return false;
    const slow = (received - this.from) / (elapsed / 1000) < minRate;
    this.restart(now, received);
    return slow;
  }
}
