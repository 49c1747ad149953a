// Owns the SQLite file in the file system: its mode, detection of its removal and replacement, and the logs that an old file left behind.
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { fileError } from './file-trouble.ts';

/** Readable by the gateway's account only: it holds the secret of session tickets. */
const MODE = 0o600;
const OTHERS = 0o077;

/** Identifies the file behind a path; null = none. */
export function inodeOf(path: string): string | null {
  const found = stat(path);
  return found === null ? null : `${found.dev}:${found.ino}`;
}

/** Makes an empty file that only its owner may read; SQLite gives `-wal` and `-shm` the same mode. */
export function createPrivately(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    setLeftoversAside(path);
    closeSync(openSync(path, 'wx', MODE));
  } catch (error) {
    // Another process created it first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(path, error, '');
  }
}

/**
 * Renames the write-ahead log and its index that a removed file left behind, before a new file is created. SQLite would apply them
 * to the new file (sqlite.org/howtocorrupt.html 1.4, 2.4), as long as another process has them open. Does nothing if the file exists.
 */
export function setLeftoversAside(path: string): void {
  for (const name of logsOf(path)) if (inodeOf(path) === null) setAside(name);
}

function logsOf(path: string): string[] {
  return [`${path}-wal`, `${path}-shm`];
}

function setAside(name: string): void {
  try {
    renameSync(name, `${name}.old`);
  } catch {
    // There is none, or another process renamed it first.
  }
}

/** Removes the permissions of group and others; returns the mode if that failed, else null. */
export function narrow(path: string): number | null {
  for (const name of [path, ...logsOf(path)]) {
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
 * Databases whose file was removed or replaced. They are never closed: closing the last connection deletes the
 * write-ahead log by name (sqlite3WalClose), which belongs to the new file by then. Their number is bounded by how
 * often the file is replaced.
 */
const abandoned: DatabaseSync[] = [];

/** Identifies the file and the write-ahead log that a database has open. */
export class FileWatch {
  private readonly path: string;
  private readonly file: string;
  private readonly log: string | null;
  private readonly index: string | null;
  /** Name and inode of the log and of its index. */
  private readonly logs: readonly (readonly [string, string | null])[];

  /** `file` is the result of {@link inodeOf} before the database was opened; the log was created by opening it. */
  constructor(path: string, file: string) {
    this.path = path;
    this.file = file;
    this.logs = logsOf(path).map((name) => [name, inodeOf(name)]);
    this.log = this.logs[0]?.[1] ?? null;
    this.index = this.logs[1]?.[1] ?? null;
  }

  /** Whether the paths still lead to these files: a removed file stays readable for processes that have it open. */
  isSame(): boolean {
    return this.hasFile() && this.hasLog();
  }

  /**
   * Like {@link isSame}, and the index (-shm) is the one that was opened. If it is removed, another process makes a new one, and neither process sees what the other writes to the write-ahead log
   * (sqlite.org/howtocorrupt.html 2.5).
   */
  isWhole(): boolean {
    return this.isSame() && inodeOf(`${this.path}-shm`) === this.index;
  }

  hasFile(): boolean {
    return inodeOf(this.path) === this.file;
  }

  hasLog(): boolean {
    return inodeOf(`${this.path}-wal`) === this.log;
  }

  /** Whether only the log was removed, not the file: then only this process has the last changes. */
  hasLostLog(): boolean {
    return this.hasFile() && this.log !== null && inodeOf(`${this.path}-wal`) === null;
  }

  /**
   * Renames the log and its index after another file replaced this one: SQLite would apply them to the new file
   * (sqlite.org/howtocorrupt.html 1.4). Each is renamed only if it is still that of the old file.
   */
  setLogAside(): void {
    for (const [name, inode] of this.logs) if (inode !== null && inodeOf(name) === inode) setAside(name);
  }
}

/** Closes a database. If its file, -wal or -shm was replaced, abandons it: closing would overwrite what other processes wrote. */
export function release(database: DatabaseSync, watch: FileWatch | null): void {
  if (watch?.isWhole() ?? true) database.close();
  else abandoned.push(database);
}
