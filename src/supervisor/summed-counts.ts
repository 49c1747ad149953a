// Owns the sums of the metrics of several processes, over those that ended too: a counter never goes back.
import { addCounters, mergeGauges, newCells, unpackCells } from '../metrics/counts.ts';

/** The processes of one kind; a process is any object. */
export class SummedCounts {
  /** What the counters of ended processes had reached. */
  private readonly ended = newCells();
  /** The latest cells of the others. */
  private readonly latest = new Map<object, Float64Array>();

  /** New cells of a process; text of another version of the program is ignored. */
  note(process: object, packed: string): Float64Array | null {
    const cells = unpackCells(packed);
    if (cells !== null) this.latest.set(process, cells);
    return cells;
  }

  /** No cells of this process follow. */
  end(process: object): void {
    const cells = this.latest.get(process);
    if (cells === undefined) return;
    this.latest.delete(process);
    addCounters(this.ended, cells);
  }

  /** Adds everything to `sum`: counters of all, and gauges of those that answered now. */
  addTo(sum: Float64Array, answered: readonly Float64Array[]): void {
    addCounters(sum, this.ended);
    for (const cells of this.latest.values()) addCounters(sum, cells);
    for (const cells of answered) mergeGauges(sum, cells);
  }
}
