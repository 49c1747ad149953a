// Owns what the runs of a source touched within the last hour, where it sends its records bit by bit: the brakes count them together.
// Threat: a source that changes all phones in many small pieces, each of which is below the limits.
import { monotonicNow } from '../clock.ts';
import type { Touched } from './brakes.ts';

/** So long the pieces count together, milliseconds. */
export const WINDOW_MS = 3_600_000;
/** The window moves in steps of this length, so that it is a few entries, however many pieces there are. */
const STEP_MS = 60_000;

type Counts = Map<string, { removed: number; changed: number }>;

/** The sums of the last hour. */
export class TouchedWindow {
  private steps: { readonly at: number; readonly counts: Counts }[] = [];
  private readonly now: () => number;

  constructor(now: () => number = monotonicNow) {
    this.now = now;
  }

  /** What a run touches, and what was touched before within the window. */
  with(touched: readonly Touched[]): Touched[] {
    this.forget();
    return touched.map((one) => {
      let { removed, changed } = one;
      for (const { counts } of this.steps) {
        const before = counts.get(one.what);
        removed += before?.removed ?? 0;
        changed += before?.changed ?? 0;
      }
      // A run that touches nothing of a kind is not held for what earlier ones did.
      return one.removed + one.changed === 0 ? one : { ...one, removed, changed };
    });
  }

  /** Counts what a run touched. */
  add(touched: readonly Touched[]): void {
    this.forget();
    const at = this.now();
    const last = this.steps.at(-1);
    const step = last !== undefined && at - last.at < STEP_MS ? last : { at, counts: new Map() as Counts };
    if (step !== last) this.steps.push(step);
    for (const { what, removed, changed } of touched) {
      if (removed + changed === 0) continue;
      const sum = step.counts.get(what) ?? { removed: 0, changed: 0 };
      step.counts.set(what, { removed: sum.removed + removed, changed: sum.changed + changed });
    }
  }

  /** Somebody looked at the source: what was touched so far no longer counts. */
  clear(): void {
    this.steps = [];
  }

  private forget(): void {
    const oldest = this.now() - WINDOW_MS;
    while (this.steps.length > 0 && (this.steps[0]?.at ?? 0) < oldest) this.steps.shift();
  }
}
