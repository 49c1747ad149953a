// Owns the deadlines for operations of the directory. An answer that arrived while the process was suspended is read first, and
// counts as in time.
import { monotonicNow } from '../clock.ts';
import { List } from './linked-list.ts';
import type { Linked } from './linked-list.ts';

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
export interface Limited extends Linked<Limited> {
  /** Set by {@link SharedDeadline}; 0 = its time is not limited, or no longer. */
  endsAt: number;
  /** Called when the time is over, unless it was removed before. */
  expire(error: Error): void;
}

/** {@link withDeadline} for thousands of operations a second, all with the same time: one timer for all of them. */
export class SharedDeadline {
  private readonly timeoutMs: number;
  /** In the order of their deadlines. */
  private readonly limited = new List<Limited>();
  private timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number) {
    this.timeoutMs = Math.max(1, timeoutMs);
  }

  /** The time of an operation begins. {@link remove} must follow when it is over. */
  add(one: Limited): void {
    one.endsAt = monotonicNow() + this.timeoutMs;
    this.limited.append(one);
    if (this.timer === null) this.arm(one.endsAt, this.timeoutMs);
  }

  /** Nothing happens if its time is over, or was never limited. */
  remove(one: Limited): void {
    if (one.endsAt === 0) return;
    one.endsAt = 0;
    this.limited.remove(one);
  }

  /** Stops the timer; operations under way are no longer limited. */
  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (let { first } = this.limited; first !== null; { first } = this.limited) this.remove(first);
  }

  /** The timer goes on until there is nothing to limit: most operations are over long before. */
  private arm(due: number, ms: number): void {
    this.timer = setTimeout(() => setImmediate(() => this.expire(due)), ms);
    this.timer.unref();
  }

  private expire(due: number): void {
    this.timer = null;
    for (let { first } = this.limited; first !== null; { first } = this.limited) {
      if (first.endsAt > due) {
        this.arm(first.endsAt, Math.max(1, first.endsAt - monotonicNow()));
        return;
      }
      this.remove(first);
      first.expire(tooLate());
    }
  }
}

function tooLate(): Error {
  return new Error('the directory did not answer in time');
}
