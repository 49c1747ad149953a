// Owns the timer of a queue that is written in the background: a while after its first entry, not at regular times.

/**
 * Calls `flush` once, `delayMs` milliseconds after {@link FlushTimer.start}. A timer that runs all the time would wake a process in which
 * nothing happens. It does not keep the process alive.
 */
export class FlushTimer {
  private readonly delayMs: number;
  private readonly flush: () => void;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(delayMs: number, flush: () => void) {
    this.delayMs = delayMs;
    this.flush = flush;
  }

  /** Does nothing while it runs, and once it is closed. */
  start(): void {
    if (this.timer !== null || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.flush();
    }, this.delayMs);
    this.timer.unref();
  }

  /** `flush` is called no more. */
  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
