// Owns noticing that certificate files changed, however they are replaced: written over, renamed, or a link moved.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';

/** Tools write certificate and key one after the other. */
const SETTLE_MS = 500;
/** For file systems that tell nothing (network, some containers). */
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
        // The interval still looks.
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

  /** Which bytes the names lead to, as far as the file system tells. */
  private look(): string {
    return this.files.map(seenAs).join(' ');
  }
}

/** What a name leads to; the same mark for all that cannot be looked at, as the moment of a replacement may be hit. */
function seenAs(file: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return '-';
  }
}
