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

/** An operation that is limited in time. */
export interface Limited {
  /** Set by {@link SharedDeadline.add}. */
  endsAt: number;
  /** Called when the time is over, unless it was removed before. */
  expire(error: Error): void;
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

  /** The time of an operation begins. {@link remove} must follow when it is over. */
  add(one: Limited): void {
    one.endsAt = monotonicNow() + this.timeoutMs;
    this.limited.add(one);
    if (this.timer === null) this.arm(one.endsAt, this.timeoutMs);
  }

  remove(one: Limited): void {
    this.limited.delete(one);
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
    for (const one of this.limited) {
      if (one.endsAt > due) {
        this.arm(one.endsAt, Math.max(1, one.endsAt - monotonicNow()));
        return;
      }
      this.limited.delete(one);
      one.expire(tooLate());
    }
  }
}

function tooLate(): Error {
  return new Error('the directory did not answer in time');
}
