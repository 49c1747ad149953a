// Owns the deadlines for operations of the directory. An answer that arrived while the process was suspended is read first, and
// counts as in time.
import { monotonicNow } from '../clock.ts';

/** Rejects after `timeoutMs`; the work continues and its result is ignored. */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(tooLate());
  const timer = setTimeout(() => setImmediate(late), Math.max(1, timeoutMs));
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

interface Limited {
  readonly endsAt: number;
  readonly reject: (error: Error) => void;
}

/** {@link withDeadline} for thousands of operations a second, all with the same time: one timer for all of them. */
export class SharedDeadline {
  private readonly timeoutMs: number;
  /** In the order of their deadlines. */
  private readonly limited = new Set<Limited>();
  private timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number) {
    this.timeoutMs = Math.max(1, timeoutMs);
  }

  limit<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const entry: Limited = { endsAt: monotonicNow() + this.timeoutMs, reject };
      this.limited.add(entry);
      if (this.timer === null) this.arm(entry.endsAt, this.timeoutMs);
      work.then(
        (result) => {
          this.limited.delete(entry);
          resolve(result);
        },
        (error: unknown) => {
          this.limited.delete(entry);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** Stops the timer; operations under way are no longer limited. */
  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.limited.clear();
  }

  /** The timer goes on until there is nothing to limit: most operations are over long before. */
  private arm(due: number, ms: number): void {
    this.timer = setTimeout(() => setImmediate(() => this.expire(due)), ms);
    this.timer.unref();
  }

  private expire(due: number): void {
    this.timer = null;
    for (const entry of this.limited) {
      if (entry.endsAt > due) {
        this.arm(entry.endsAt, Math.max(1, entry.endsAt - monotonicNow()));
        return;
      }
      this.limited.delete(entry);
      entry.reject(tooLate());
    }
  }
}

function tooLate(): Error {
  return new Error('the directory did not answer in time');
}
