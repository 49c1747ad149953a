// Owns the detection of changed files (certificates, the policy), however they are replaced: overwritten, renamed, or by a changed
// symbolic link.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';

/** Files that are unchanged for this time are complete: tools write certificate and key one after the other. */
const SETTLE_MS = 500;
/** Polling interval, for file systems without change events (network, some containers). */
const LOOK_MS = 60_000;

/** Watches until closed. */
export class FileWatch {
  private readonly files: readonly string[];
  private readonly onChange: () => void;
  private readonly watchers: FSWatcher[] = [];
  private readonly interval: NodeJS.Timeout;
  private settle: NodeJS.Timeout | null = null;
  private readonly settleMs: number;
  /** The state that was last reported, and the one that was last read. */
  private seen: string;
  private looked: string;

  constructor(files: readonly string[], onChange: () => void, settleMs = SETTLE_MS) {
    this.files = files;
    this.onChange = onChange;
    this.settleMs = settleMs;
    this.seen = this.look();
    this.looked = this.seen;
    for (const folder of new Set(files.map((file) => dirname(file)))) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.later());
        watcher.on('error', () => watcher.close());
        this.watchers.push(watcher);
      } catch {
        // Polling continues without change events.
      }
    }
    this.interval = setInterval(() => this.later(), LOOK_MS);
    this.interval.unref();
  }

  close(): void {
    for (const watcher of this.watchers) watcher.close();
    clearInterval(this.interval);
    if (this.settle !== null) clearTimeout(this.settle);
  }

  /** Schedules a check. Further events do not postpone it, so a log that is written in the same folder does not delay it. */
  private later(): void {
    if (this.settle !== null) return;
    this.settle = setTimeout(() => {
      this.settle = null;
      const now = this.look();
      if (now !== this.looked) {
        this.looked = now;
        this.later();
      } else if (now !== this.seen) {
        this.seen = now;
        this.onChange();
      }
    }, this.settleMs);
  }

  /** A fingerprint of the current files, by the data of stat(). */
  private look(): string {
    return this.files.map(seenAs).join(' ');
  }
}

/** A fingerprint of one file; a constant for an unreadable one, which may be in the middle of a replacement. */
function seenAs(file: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return '-';
  }
}
