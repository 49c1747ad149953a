// Owns the SQLite file as the system sees it: made private, watched for removal and replacement, its errors in plain words.
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/** Only the gateway's account may read it: it holds the secret of session tickets. */
const MODE = 0o600;
const OTHERS = 0o077;

/** The directory's SQLite file, or the disk under it, does not do what is asked of it. */
export class StoreFileError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

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

/** Primary result codes of SQLite (sqlite.org/rescode.html), as codes of easgate and in words. */
const MEANINGS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [3, ['EASGATE_STORE_FILE', 'no permission']],
  [5, ['EASGATE_STORE_BUSY', 'another process writes to it for too long']],
  [8, ['EASGATE_STORE_FILE', 'this account may not write to it']],
  [10, ['EASGATE_STORE_IO', 'the disk failed, or a limit on file sizes was reached']],
  [11, ['EASGATE_STORE_DAMAGED', 'the file is damaged: restore a backup']],
  [13, ['EASGATE_STORE_FULL', 'the disk is full']],
  [
    14,
    ['EASGATE_STORE_FILE', 'it cannot be opened: does the folder exist, and may this account write there?'],
  ],
  [26, ['EASGATE_STORE_DAMAGED', 'it is no SQLite database']],
]);

interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

/** An error of SQLite or of the file system with the path, a code, what it means and its outcome; others as they are. */
export function fileError(path: string, error: unknown, outcome: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if ('errcode' in error) {
    const { errcode, errstr } = error as SqliteError;
    const [code, words] = MEANINGS.get(errcode & 0xff) ?? ['EASGATE_STORE_FILE', error.message];
    return new StoreFileError(code, `${path}: ${words} (SQLite ${errcode}: ${errstr})${outcome}`, error);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC')
    return new StoreFileError('EASGATE_STORE_FULL', `${path}: the disk is full (${code})`, error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EISDIR')
    return new StoreFileError('EASGATE_STORE_FILE', `${path}: ${error.message}`, error);
  return error;
}
