// Owns how many deliveries of a feed are taken in a minute.
import { monotonicNow } from '../../clock.ts';

const MINUTE_MS = 60_000;

/** A bucket that fills up evenly. */
export class Rate {
  private readonly perMinute: number;
  private left: number;
  private at = monotonicNow();

  constructor(perMinute: number) {
    this.perMinute = perMinute;
    this.left = perMinute;
  }

  /** Null = one more is taken; else the seconds until one will be. */
  take(now = monotonicNow()): number | null {
    this.left = Math.min(this.perMinute, this.left + ((now - this.at) / MINUTE_MS) * this.perMinute);
    this.at = now;
    if (this.left < 1) return ((1 - this.left) * MINUTE_MS) / this.perMinute / 1_000;
    this.left--;
    return null;
  }
}
