// Owns the notice that a file, or the files of a folder, changed and are no longer being written: a run need not wait for its schedule.
// Notices are a hint: file systems of other machines send none, and the schedule stays.
// @see inotify(7): events of network file systems and of the far side of a mount are not reported
import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SYSTEM_CLOCK } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { fileAt, filesIn } from './folder.ts';

/** What is watched. */
export interface WatchedFiles {
  readonly path: string;
  /** A file that did not change for so long is complete, milliseconds. */
  readonly settleMs: number;
  /** Whether a file that is gone is news: where the files are a whole set. */
  readonly noticesRemovals: boolean;
  readonly clock?: Clock;
}

/** Between two looks at least, milliseconds. */
const LOOK_MS = 1_000;
/** How often it is looked whether the folder is still the same one; and whether one that was missing is there. */
const AGAIN_MS = 60_000;

/** Files by name: size, and when they were written. */
type Seen = ReadonlyMap<string, string>;

/** Calls `onChange` when files changed and are complete, until the signal aborts. It reports no error: the run does. */
export function watchFiles(options: WatchedFiles, onChange: () => void, signal: AbortSignal): void {
  void new Watcher(options, onChange, signal).keepOn();
}

class Watcher {
  private readonly options: WatchedFiles;
  private readonly clock: Clock;
  private readonly onChange: () => void;
  private readonly signal: AbortSignal;
  private seen: Seen | null = null;
  private isSettling = false;
  /** Something happened since the last look. */
  private isStirred = false;

  constructor(options: WatchedFiles, onChange: () => void, signal: AbortSignal) {
    this.options = options;
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.onChange = onChange;
    this.signal = signal;
  }

  async keepOn(): Promise<void> {
    while (!this.signal.aborted) {
      try {
        await this.watchOnce();
      } catch {
        // It is missing, or cannot be watched: it is tried again.
      }
      await this.pause(AGAIN_MS);
    }
  }

  /** Watches until the folder is another one. @throws where it cannot be watched */
  private async watchOnce(): Promise<void> {
    const { path } = this.options;
    const isFolder = (await stat(path)).isDirectory();
    // A file is watched in its folder: most writers put a new one in its place.
    const folder = isFolder ? path : dirname(path);
    const { ino } = await stat(folder);
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    // Another folder in its place may have the same inode number.
    const gone = new AbortController();
    const watcher = watch(folder, { persistent: false }, (event, name) => {
      if (isFolder || name === null || name === basename(path)) this.stir();
      if (event === 'rename' && name === basename(folder)) gone.abort();
    });
    watcher.on('error', failed.reject);
    const close = (): void => watcher.close();
    this.signal.addEventListener('abort', close, { once: true });
    try {
      if (this.seen === null) this.seen = await this.look();
      // What happened while it was not watched.
      else this.stir();
      const over = AbortSignal.any([this.signal, gone.signal]);
      while (!over.aborted && (await stat(folder)).ino === ino)
        await Promise.race([this.pause(AGAIN_MS, over), failed.promise]);
    } finally {
      this.signal.removeEventListener('abort', close);
      close();
    }
  }

  private stir(): void {
    this.isStirred = true;
    if (this.isSettling) return;
    this.isSettling = true;
    void this.settle().finally(() => {
      this.isSettling = false;
    });
  }

  /**
   * Waits until two looks are the same, and nothing happened between them. Files that are no set do not wait for each other.
   * Threat: a file that grows without end, which holds up those of others.
   */
  private async settle(): Promise<void> {
    let before: Seen | null = null;
    while (!this.signal.aborted) {
      this.isStirred = false;
      const now = await this.look();
      if (before !== null && !this.isStirred && isSame(before, now)) break;
      if (before !== null && !this.options.noticesRemovals) this.notice(inBoth(before, now));
      before = now;
      await this.pause(Math.max(this.options.settleMs, LOOK_MS));
    }
    if (!this.signal.aborted && before !== null) this.notice(before);
  }

  private notice(complete: Seen): void {
    const isNews = this.seen === null || this.differs(this.seen, complete);
    this.seen = complete;
    if (isNews) this.onChange();
  }

  private differs(before: Seen, now: Seen): boolean {
    if (this.options.noticesRemovals && before.size !== now.size) return true;
    for (const [name, state] of now) if (before.get(name) !== state) return true;
    return false;
  }

  /** What is there; nothing where it cannot be read. */
  private async look(): Promise<Seen> {
    const { path } = this.options;
    try {
      const one = await fileAt(dirname(path), basename(path));
      const files = one === null ? await filesIn(path) : [one];
      return new Map(files.map(({ name, size, writtenAt }) => [name, `${size} ${writtenAt}`]));
    } catch {
      return new Map();
    }
  }

  private async pause(ms: number, signal = this.signal): Promise<void> {
    try {
      await this.clock.wait(ms, signal);
    } catch {
      // It was closed.
    }
  }
}

/** The files that did not change. */
function inBoth(before: Seen, now: Seen): Seen {
  return new Map([...now].filter(([name, state]) => before.get(name) === state));
}

function isSame(one: Seen, other: Seen): boolean {
  if (one.size !== other.size) return false;
  for (const [name, state] of one) if (other.get(name) !== state) return false;
  return true;
}
