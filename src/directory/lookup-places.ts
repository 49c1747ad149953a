// Owns how many look-ups of one class are under way, and who waits for a place: bounded, fair by holder, for a limited time.
import { FairPlaces } from './fair-places.ts';

interface Waiter {
  readonly timer: NodeJS.Timeout;
  readonly settle: (hasPlace: boolean) => void;
}

/** So many wait at most, for each place. */
const WAITING_PER_PLACE = 4;

/** Places, and a queue that is served in turn by holder. */
export class LookupPlaces {
  private readonly places: FairPlaces;
  private readonly rooms: FairPlaces;
  private readonly patienceMs: number;
  /** By holder, those who were served longest ago first. */
  private readonly waiting = new Map<string, Waiter[]>();

  /** `max` at one time; who waits gives up after `patienceMs`. */
  constructor(max: number, patienceMs: number) {
    this.places = new FairPlaces(max);
    this.rooms = new FairPlaces(max * WAITING_PER_PLACE);
    this.patienceMs = patienceMs;
  }

  /** Whether `holder` has a place: at once, or when one is free. A place that it got must be left. Never rejects. */
  enter(holder: string): boolean | Promise<boolean> {
    if (this.places.take(holder)) return true;
    if (!this.rooms.take(holder)) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      this.remove(holder, waiter);
      waiter.settle(false);
    }, this.patienceMs);
    const waiter: Waiter = {
      timer,
      settle: (hasPlace) => {
        clearTimeout(timer);
        this.rooms.leave(holder);
        resolve(hasPlace);
      },
    };
    const line = this.waiting.get(holder);
    if (line === undefined) this.waiting.set(holder, [waiter]);
    else line.push(waiter);
    return promise;
  }

  /** Gives a place back: the next one in turn gets it. */
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

  /** Nobody waits any more. */
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
