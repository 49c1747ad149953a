// Owns the limit on concurrent look-ups of one class, with a queue that is bounded, fair by holder, and limited in
// time.
import { FairPlaces } from './fair-places.ts';

interface Waiter {
  readonly timer: NodeJS.Timeout;
  readonly settle: (hasPlace: boolean) => void;
}

/** Places, and a queue that serves holders in turn. */
export class LookupPlaces {
  private readonly places: FairPlaces;
  /** Places of those who wait. */
  private readonly waitingRoom: FairPlaces;
  /** By holder; the one served longest ago is first. */
  private readonly waiting = new Map<string, Waiter[]>();

  /** `max` concurrent look-ups, and `maxWaiting` that wait. */
  constructor(max: number, maxWaiting: number) {
    this.places = new FairPlaces(max);
    this.waitingRoom = new FairPlaces(maxWaiting);
  }

  /**
   * Resolves with true once `holder` has a place, which must be returned with {@link leave}; false when there is none
   * within `waitMs`. Never rejects.
   */
  enter(holder: string, waitMs: number): boolean | Promise<boolean> {
    if (this.places.take(holder)) return true;
    if (!this.waitingRoom.take(holder)) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      this.remove(holder, waiter);
      waiter.settle(false);
    }, waitMs);
    const waiter: Waiter = {
      timer,
      settle: (hasPlace) => {
        clearTimeout(timer);
        this.waitingRoom.leave(holder);
        resolve(hasPlace);
      },
    };
    const line = this.waiting.get(holder);
    if (line === undefined) this.waiting.set(holder, [waiter]);
    else line.push(waiter);
    return promise;
  }

  /** Returns a place; the next holder in turn gets it. */
  leave(holder: string): void {
    this.places.leave(holder);
    for (const [next, line] of this.waiting) {
      if (!this.places.take(next)) continue;
      const waiter = line.shift();
      this.waiting.delete(next);
      if (line.length > 0) this.waiting.set(next, line);
      waiter?.settle(true);
      return;
    }
  }

  /** Ends all waits: those who wait get no place. */
  close(): void {
    for (const line of this.waiting.values()) for (const waiter of line) waiter.settle(false);
    this.waiting.clear();
  }

  private remove(holder: string, waiter: Waiter): void {
    const line = this.waiting.get(holder);
    if (line === undefined) return;
    line.splice(line.indexOf(waiter), 1);
    if (line.length === 0) this.waiting.delete(holder);
  }
}
