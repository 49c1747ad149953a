// Owns the queue of entries for the store of the journal: bounded, and written about once a second. What cannot be written
// is tried again, and dropped when it is too much; requests never wait for it.
import { setImmediate as turn } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { FlushTimer } from '../flush-timer.ts';
import type { JournalEntry } from '../model/journal.ts';
import type { JournalSink } from './journal.ts';
import type { JournalAppender } from './journal-store.ts';

const FLUSH_MS = 1_000;
/** Entries of one write. */
const BATCH = 100;
/** Most entries that are written at a time; the others wait for the next second. */
const MAX_AT_ONCE = 2_000;
/** Most entries that wait. */
const MAX_WAITING = 20_000;
/** Entries dropped at once when too many wait: the oldest. */
const DROPPED_AT_ONCE = 1_000;
/** Longest wait for a store, per write and at the end. */
const PATIENCE_MS = 2_000;

/** A write that the store has begun. */
interface Write {
  /** The waiting entries in it. */
  readonly batch: readonly JournalEntry[];
  /** How many dropped entries it reports. */
  readonly reported: number;
  readonly done: Promise<void>;
}

/** Writes entries in the background. */
export class JournalWriter implements JournalSink {
  /** Entries that were lost because too many waited. */
  dropped = 0;
  private readonly store: JournalAppender;
  private readonly gateway: string | null;
  private readonly onState: (error: Error | null) => void;
  private readonly wall: () => number;
  private waiting: JournalEntry[] = [];
  /** Of {@link dropped}, those without an entry `journal_overflow` so far. */
  private unreported = 0;
  private isAway = false;
  /** A write that has no answer yet. No other one begins before: a store that stalls would get the entries twice. */
  private begun: Write | null = null;
  private flushing: Promise<void> | null = null;
  private readonly timer = new FlushTimer(FLUSH_MS, () => void this.flush());

  /** `onState`: called when the store fails, and with null when it works again. */
  constructor(
    store: JournalAppender,
    gateway: string | null,
    onState: (error: Error | null) => void,
    wall: () => number = Date.now,
  ) {
    this.store = store;
    this.gateway = gateway;
    this.onState = onState;
    this.wall = wall;
  }

  note(entry: JournalEntry): void {
    this.waiting.push(entry);
    this.timer.start();
    if (this.waiting.length <= MAX_WAITING) return;
    this.waiting.splice(0, DROPPED_AT_ONCE);
    this.dropped += DROPPED_AT_ONCE;
    this.unreported += DROPPED_AT_ONCE;
  }

  /** Writes waiting entries; one flush at a time. Never rejects. */
  async flush(): Promise<void> {
    this.flushing ??= this.writeWaiting().finally(() => {
      this.flushing = null;
      if (this.waiting.length + this.unreported > 0) this.timer.start();
    });
    await this.flushing;
  }

  /** Writes the entries that wait, within bounded time; those that the store does not take are lost. Does not close the store. */
  async close(): Promise<void> {
    this.timer.close();
    await this.flushing;
    const end = monotonicNow() + PATIENCE_MS;
    do await this.flush();
    while (this.waiting.length > 0 && !this.isAway && monotonicNow() < end);
  }

  private async writeWaiting(): Promise<void> {
    let left = MAX_AT_ONCE;
    while (left > 0 && (this.begun !== null || this.waiting.length + this.unreported > 0)) {
      let write: Write;
      try {
        write = this.begun ??= this.begin();
        if (!(await settles(write.done, PATIENCE_MS))) {
          this.report(new Error('the journal did not answer in time'));
          return;
        }
      } catch (error) {
        this.begun = null;
        this.report(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      this.begun = null;
      this.report(null);
      this.unreported -= write.reported;
      // Meanwhile the oldest may have been dropped.
      const written = new Set(write.batch);
      const kept = this.waiting.findIndex((entry) => !written.has(entry));
      this.waiting = kept === -1 ? [] : this.waiting.slice(kept);
      left -= write.batch.length;
      await turn();
    }
  }

  private begin(): Write {
    const { unreported } = this;
    const batch = this.waiting.slice(0, BATCH);
    const done = this.store.append(unreported > 0 ? [this.overflow(unreported), ...batch] : batch);
    // It may fail while nothing awaits it, which would be an unhandled rejection.
    done.catch(() => undefined);
    return { batch, reported: unreported, done };
  }

  private overflow(count: number): JournalEntry {
    const { gateway } = this;
    return {
      at: this.wall(),
      kind: 'journal_overflow',
      user: null,
      device: null,
      action: null,
      reason: null,
      rule: null,
      count,
      gateway,
      seconds: null,
      facts: null,
    };
  }

  private report(error: Error | null): void {
    const isAway = error !== null;
    if (isAway === this.isAway) return;
    this.isAway = isAway;
    this.onState(error);
  }
}

/** Whether a promise resolves within a time. Rejects if the promise rejects first. */
async function settles(work: Promise<void>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}
