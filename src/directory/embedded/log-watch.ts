// Owns waiting for news in SQLite's write-ahead log: the file system reports writes of any process, and a slow check
// behind it finds what it does not report.
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { monotonicNow } from '../../clock.ts';
import { afterAbout } from '../../coalesced-timers.ts';

/**
 * The slow check: some file systems report no writes, or none of another host. A change must reach a phone within a
 * second.
 */
const CHECK_MS = 800;
/** It may come so much earlier, with another wake-up of the process. */
const EARLY_SHARE = 0.75;
/** Minimum interval between two checks of a log that is written, however often. */
const PAUSE_MS = 50;

/** Watches the write-ahead log of one database. */
export class LogWatch {
  private readonly log: string;
  private readonly checkMs: number;
  private watcher: FSWatcher | null = null;
  /** The log was written since the last wait. */
  private written = false;
  private waitedAt = -Infinity;
  private timer: NodeJS.Timeout | null = null;
  /** Cancels the slow check. */
  private cancel: (() => void) | null = null;
  /** Ends the current wait. */
  private end: (() => void) | null = null;
  private closed = false;

  /** `path` is the path of the database; its log need not exist yet. */
  constructor(path: string, checkMs = CHECK_MS) {
    this.log = `${path}-wal`;
    this.checkMs = checkMs;
  }

  /**
   * Resolves when the log may have news: with true after it was written, with false when `checkMs` have passed or the watch
   * was closed. One wait at a time.
   */
  wait(): Promise<boolean> {
    if (this.closed) return Promise.resolve(false);
    this.open();
    return new Promise((resolve) => {
      this.end = () => {
        const { written } = this;
        this.end = null;
        this.cancel?.();
        this.cancel = null;
        this.written = false;
        if (written) this.waitedAt = monotonicNow();
        resolve(written);
      };
      if (this.written) this.endSoon();
      else this.cancel = afterAbout(this.checkMs, this.checkMs * EARLY_SHARE, () => this.end?.());
    });
  }

  /** The log was written. */
  note(): void {
    if (this.written) return;
    this.written = true;
    if (this.end !== null) this.endSoon();
  }

  /** Watches the file that is the log from now on: news were missed, so the watched one may be an older log. */
  again(): void {
    this.watcher?.close();
    this.watcher = null;
  }

  close(): void {
    this.closed = true;
    this.again();
    if (this.timer !== null) clearTimeout(this.timer);
    this.end?.();
  }

  private endSoon(): void {
    const ms = this.waitedAt + PAUSE_MS - monotonicNow();
    // No further wake-up for a beat, which is written where nothing else happens.
    if (ms <= 0) return this.end?.();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end?.(), ms);
    this.timer.unref();
  }

  private open(): void {
    if (this.watcher !== null) return;
    try {
      const watcher = watch(this.log, { persistent: false }, (event) => {
        // It was removed or renamed, and is no longer the log.
        if (event === 'rename') this.again();
        this.note();
      });
      watcher.on('error', () => this.again());
      this.watcher = watcher;
    } catch {
      // There is no log yet, or the system has no more watches (inotify(7), ENOSPC): the next wait tries again.
    }
  }
}
