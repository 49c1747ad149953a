// Owns detection of changed certificate files, whether they are overwritten, renamed or linked.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';

/** Tools write certificate and key one after the other; wait for both. */
const SETTLE_MS = 500;
/** Polling interval, for file systems without change events (network, some containers). */
const LOOK_MS = 60_000;

/** Watches until closed. */
export class CertificateWatch {
  private readonly files: readonly string[];
  private readonly onChange: () => void;
  private readonly watchers: FSWatcher[] = [];
  private readonly interval: NodeJS.Timeout;
  private settle: NodeJS.Timeout | null = null;
  private seen: string;

  constructor(files: readonly string[], onChange: () => void) {
    this.files = files;
    this.onChange = onChange;
    this.seen = this.look();
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

  private later(): void {
    if (this.settle !== null) clearTimeout(this.settle);
    this.settle = setTimeout(() => {
      this.settle = null;
      const now = this.look();
      if (now === this.seen) return;
      this.seen = now;
      this.onChange();
    }, SETTLE_MS);
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
