// Owns places that many share: bounded in all, and no one holds more of them than are still free. Whoever asks for many
// leaves half of them; each further one that does so leaves its share too (dynamic thresholds, Choudhury and Hahne 1998).

/** Counts places by who holds them. */
export class FairPlaces {
  private readonly max: number;
  private readonly held = new Map<string, number>();
  private all = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Takes a place for `holder`; false when there is none for it. */
  take(holder: string): boolean {
    const own = this.held.get(holder) ?? 0;
    if (own >= this.max - this.all) return false;
    this.held.set(holder, own + 1);
    this.all++;
    return true;
  }

  /** Gives back a place that was taken. */
  leave(holder: string): void {
    const own = this.held.get(holder) ?? 0;
    if (own === 0) return;
    this.all--;
    if (own === 1) this.held.delete(holder);
    else this.held.set(holder, own - 1);
  }
}
