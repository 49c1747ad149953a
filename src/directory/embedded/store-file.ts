// Owns the SQLite file as the system sees it: made private, watched for removal and replacement.
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { fileError } from './file-trouble.ts';

/** Only the gateway's account may read it: it holds the secret of session tickets. */
const MODE = 0o600;
const OTHERS = 0o077;

/** Which file has this name; null = none. */
export function inodeOf(path: string): string | null {
  const found = stat(path);
  return found === null ? null : `${found.dev}:${found.ino}`;
}

/** Makes an empty file that only its owner may read; SQLite gives `-wal` and `-shm` the same mode. */
export function createPrivately(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, 'wx', MODE));
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(path, error, '');
  }
}

/** Takes the file away from others; returns the mode of one that could not be narrowed, else null. */
export function narrow(path: string): number | null {
  for (const name of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = stat(name)?.mode ?? 0;
    if ((mode & OTHERS) === 0) continue;
    try {
      chmodSync(name, mode & 0o777 & ~OTHERS);
    } catch {
      return mode & 0o777;
    }
  }
  return null;
}

function stat(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

/**
 * Databases whose file was removed or replaced. They are never closed: closing the last connection to a file deletes the
 * write-ahead log by its name, which is the new file's by then (sqlite3WalClose). Bounded by how often somebody replaces it.
 */
const abandoned: DatabaseSync[] = [];

/** Remembers which file and which write-ahead log a database has open. */
export class FileWatch {
  private readonly path: string;
  private readonly file: string;
  private readonly log: string | null;

  /** `file` is what {@link inodeOf} said before the database was opened; the log is there since. */
  constructor(path: string, file: string) {
    this.path = path;
    this.file = file;
    this.log = inodeOf(`${path}-wal`);
  }

  /** Whether the files of that name are still those: a removed file lives on for whoever has it open. */
  isSame(): boolean {
    return this.hasFile() && this.hasLog();
  }

  hasFile(): boolean {
    return inodeOf(this.path) === this.file;
  }

  hasLog(): boolean {
    return inodeOf(`${this.path}-wal`) === this.log;
  }

  /**
   * Another file has the name. The log beside it is that of the file before: SQLite would read it into this one
   * (sqlite.org/howtocorrupt.html 4.4).
   */
  setLogAside(): void {
    if (!this.hasLog()) return;
    for (const name of [`${this.path}-wal`, `${this.path}-shm`]) {
      try {
        renameSync(name, `${name}.old`);
      } catch {
        // Another process was faster.
      }
    }
  }
}

/** Closes a database, or gives it up when its file is another one by now. */
export function release(database: DatabaseSync, watch: FileWatch | null): void {
  if (watch?.isSame() ?? true) database.close();
  else abandoned.push(database);
}
