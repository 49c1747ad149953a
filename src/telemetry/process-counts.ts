// Owns the metrics of a process itself: CPU time, memory, and how late its event loop is.
import { METRICS, PROCESSES } from '../metrics/definitions.ts';
import type { Counts } from '../metrics/counts.ts';

/** The kinds of processes. */
export type ProcessKind = 'primary' | 'worker' | 'control';

/** Often enough for an average over minutes, and rare enough to cost an idle process nothing. */
const LOOK_MS = 1_000;

/** Measures one process until closed. */
export class ProcessCounts {
  private readonly counts: Counts;
  private readonly kind: number;
  private readonly timer: NodeJS.Timeout | null;

  /** `looksAtLag` false = something else counts how late the event loop is: a timer more would wake an idle process. */
  constructor(counts: Counts, kind: ProcessKind, looksAtLag = true) {
    this.counts = counts;
    this.kind = PROCESSES.values.indexOf(kind);
    this.timer = looksAtLag ? this.lookAtLag() : null;
  }

  private lookAtLag(): NodeJS.Timeout {
    let due = performance.now() + LOOK_MS;
    const timer = setInterval(() => {
      const now = performance.now();
      this.counts.observe(METRICS.lag, Math.max(0, now - due) / 1_000, this.kind);
      due = now + LOOK_MS;
    }, LOOK_MS);
    return timer.unref();
  }

  /** Sets what is measured when it is asked for; `linesDropped` of its log. */
  take(linesDropped: number): void {
    const { counts, kind } = this;
    const { user, system } = process.cpuUsage();
    counts.set(METRICS.cpu, (user + system) / 1e6, kind);
    counts.set(METRICS.memory, process.memoryUsage.rss(), kind);
    counts.set(METRICS.linesDropped, linesDropped, kind);
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }
}
