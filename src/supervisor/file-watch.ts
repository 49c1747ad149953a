// Owns noticing that files changed (certificates, the policy), however they are replaced: written over, renamed, or a link moved.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';

/** Files that look the same twice, this far apart, are complete: tools write certificate and key one after the other. */
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
  /** What was last told, and what was last looked at. */
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
        // The polling interval still works.
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

  /** Whatever else happens in the folder, the look comes: a log that is written there delays nothing. */
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

  /** A mark of the current files, as far as the file system reveals changes. */
  private look(): string {
    return this.files.map(seenAs).join(' ');
  }
}

/** A mark of the file behind a name; a constant for unreadable ones, which may just be being replaced. */
function seenAs(file: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return '-';
  }
}
