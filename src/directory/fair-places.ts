// Owns a fair limit: the total is bounded, and nobody may hold more places than are still free. The first busy holder
// thus leaves half of the places, and the next ones share the rest (dynamic thresholds, Choudhury and Hahne 1998).
import { TransientMap } from './transient-map.ts';

/** Counts places per holder. */
export class FairPlaces {
  private readonly max: number;
  private readonly held = new TransientMap<string, number>();
  private all = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Takes a place for `holder`; false when it may not have one more. */
  take(holder: string): boolean {
    const own = this.held.get(holder) ?? 0;
    if (own >= this.free) return false;
    this.held.set(holder, own + 1);
    this.all++;
    return true;
  }

  get free(): number {
    return this.max - this.all;
  }

  /** How many places `holder` has. */
  heldBy(holder: string): number {
    return this.held.get(holder) ?? 0;
  }

  /** Returns a place. */
  leave(holder: string): void {
    const own = this.held.get(holder) ?? 0;
    if (own === 0) return;
    this.all--;
    if (own === 1) this.held.delete(holder);
    else this.held.set(holder, own - 1);
  }
}
