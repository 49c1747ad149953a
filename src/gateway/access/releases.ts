// Owns the pace at which held polls end because their phones are let in: each of these phones fetches its mail anew, and
// thousands at once would overload the mail server.
import type { Revalidated, RevalidationQueue } from './revalidation.ts';

/** So many open phones that one change concerns are no mass change, and so many releases at once are no load. */
export const FEW_PHONES = 200;
/** Longest wait of the releases of a mass change for its restrictions, which are still looked up. */
const MAX_WAIT_FOR_RESTRICTIONS_MS = 2_000;

/** How many phones are let in: {@link FEW_PHONES} at once, then so many a second. */
class Pace {
  private readonly perSecond: number;
  private tokens = FEW_PHONES;
  private at = -Infinity;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Whether one more may be let in now, clock milliseconds. */
  take(now: number): boolean {
    const refill = Math.max(0, now - this.at) * (this.perSecond / 1_000);
    this.tokens = Math.min(FEW_PHONES, this.tokens + refill);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  giveBack(): void {
    this.tokens++;
  }
}

/** The held polls that wait to be let in; bounded by the open connections. */
export class Releases {
  private readonly pace: Pace;
  /** Of changes that concern few phones, such as an operator's. */
  private readonly few = new Set<Revalidated>();
  /** Of mass changes, and of moments in time. */
  private readonly many = new Set<Revalidated>();
  private readonly granted = new WeakSet<Revalidated>();
  /** Since when the many wait for restrictions; null = they do not. */
  private waitingSince: number | null = null;

  constructor(perSecond: number) {
    this.pace = new Pace(perSecond);
  }

  /** How many wait. */
  get waiting(): number {
    return this.few.size + this.many.size;
  }

  /**
   * Whether this one may be let in now, clock milliseconds. If not, it waits, and is decided anew when its turn comes. One
   * of a mass change always waits: restrictions come first.
   */
  admit(one: Revalidated, isMass: boolean, now: number): boolean {
    if (this.granted.delete(one)) return true;
    if (!isMass && this.pace.take(now)) {
      this.forget(one);
      return true;
    }
    if (!isMass) {
      this.many.delete(one);
      this.few.add(one);
    } else if (!this.few.has(one)) this.many.add(one);
    return false;
  }

  /** It is not let in any more. */
  forget(one: Revalidated): void {
    this.few.delete(one);
    this.many.delete(one);
    this.granted.delete(one);
  }

  /**
   * Lets in as many as may be; called a few times a second. Clock milliseconds. `isBusy`: a mass change may still find phones to
   * restrict.
   */
  sweep(now: number, queue: RevalidationQueue, isBusy: boolean): void {
    this.letIn(this.few, now, queue);
    if (this.many.size === 0) {
      this.waitingSince = null;
      return;
    }
    this.waitingSince ??= now;
    if (!isBusy || now - this.waitingSince >= MAX_WAIT_FOR_RESTRICTIONS_MS) this.letIn(this.many, now, queue);
  }

  private letIn(lane: Set<Revalidated>, now: number, queue: RevalidationQueue): void {
    for (const one of lane) {
      if (!this.pace.take(now)) return;
      lane.delete(one);
      this.granted.add(one);
      if (queue.add(one, false)) continue;
      // It is gone, or decided anew by itself.
      this.granted.delete(one);
      this.pace.giveBack();
    }
  }
}
