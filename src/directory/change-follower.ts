// Owns following the change log: from a position, without gaps, across outages; knows the age of its state.
import { setImmediate as turn } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import type { ChangeBatch, DirectoryStore, LogPosition } from './store.ts';

const RETRY_MS = 200;

/**
 * Called when the store becomes unavailable, with the error of the first failed read, and with null when it is
 * available again.
 */
export type StoreStateListener = (error: Error | null) => void;

/** Calls `onBatch` for every part of the log, in order. */
export class ChangeFollower {
  /** Monotonic milliseconds of the last successful read; 0 = never. */
  lastReadAt = 0;
  /** The last read failed, or look-ups get no answer. */
  away = false;
  private readonly store: DirectoryStore;
  private readonly onBatch: (batch: ChangeBatch) => void;
  private readonly onState: StoreStateListener;
  private stopped = false;
  private running: Promise<void> | null = null;
  private retry: { timer: NodeJS.Timeout; resolve: () => void } | null = null;

  constructor(
    store: DirectoryStore,
    onBatch: (batch: ChangeBatch) => void,
    onState: StoreStateListener = () => undefined,
  ) {
    this.store = store;
    this.onBatch = onBatch;
    this.onState = onState;
  }

  /** Starts at the current end of the log. */
  async start(): Promise<void> {
    const position = await this.store.position();
    this.lastReadAt = monotonicNow();
    this.running = this.follow(position);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.retry !== null) {
      clearTimeout(this.retry.timer);
      this.retry.resolve();
    }
  }

  /** Resolves when the loop has ended; close the store first, so that a waiting read returns. */
  async ended(): Promise<void> {
    await this.running;
  }

  private async follow(from: LogPosition): Promise<void> {
    let position = from;
    while (!this.stopped) {
      try {
        const batch = await this.store.changesAfter(position);
        const isNews = batch.trimmed || batch.changes.length > 0;
        // In a turn of its own: whoever waits for a look-up that ended in this one has the result, and learns of the change.
        if (isNews) await turn();
        if (this.stopped) return;
        // A partial read, or a read of the change log while look-ups get no answer, does not prove that the directory answers.
        if (batch.silence !== undefined) this.noteAway(batch.silence);
        else if (batch.isPartial !== true) {
          this.lastReadAt = monotonicNow();
          if (this.away) this.onState(null);
          this.away = false;
        }
        position = batch.position;
        if (isNews) this.onBatch(batch);
      } catch (error) {
        this.noteAway(error instanceof Error ? error : new Error(String(error)));
        // The store is unavailable. The position is kept, so that changes of the outage are read afterwards.
        await this.pause();
      }
    }
  }

  private noteAway(error: Error): void {
    if (!this.away && !this.stopped) this.onState(error);
    this.away = true;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      timer.unref();
      this.retry = { timer, resolve };
    });
  }
}
