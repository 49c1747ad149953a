// Owns following the change log: from a place, without gaps, through outages; knows how old what it knows is.
import { monotonicNow } from '../clock.ts';
import type { ChangeBatch, DirectoryStore, LogPosition } from './store.ts';

const RETRY_MS = 200;

/** Calls `onBatch` for every stretch of the log, in order. */
export class ChangeFollower {
  /** Monotonic milliseconds of the last successful read; 0 = never. */
  lastReadAt = 0;
  private readonly store: DirectoryStore;
  private readonly onBatch: (batch: ChangeBatch) => void;
  private stopped = false;
  private running: Promise<void> | null = null;
  private retry: { timer: NodeJS.Timeout; resolve: () => void } | null = null;

  constructor(store: DirectoryStore, onBatch: (batch: ChangeBatch) => void) {
    this.store = store;
    this.onBatch = onBatch;
  }

  /** Starts at the present end of the log. */
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
        if (this.stopped) return;
        this.lastReadAt = monotonicNow();
        position = batch.position;
        if (batch.trimmed || batch.changes.length > 0) this.onBatch(batch);
      } catch {
        // The store is away. The place is kept: what changes meanwhile is read when it is back.
        await this.pause();
      }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      timer.unref();
      this.retry = { timer, resolve };
    });
  }
}
