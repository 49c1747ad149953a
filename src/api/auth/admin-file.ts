// Owns the open SQLite file of the admin API: who may read it, its tables and their migrations, and opening it anew where it was deleted or
// replaced.
import { closeSync, fchmodSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue } from 'node:sqlite';
import type { z } from 'zod';
import { FileWatch, inodeOf, release, setLeftoversAside } from '../../directory/embedded/store-file.ts';
import { fileTrouble } from '../../file-words.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { numberRow } from './admin-rows.ts';

const IN_MEMORY = ':memory:';
const MODE = 0o600;
const BUSY_MS = 2_000;

/** Each brings the file from the version before to its own; new ones are added at the end. */
const MIGRATIONS = [
  `CREATE TABLE tokens (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
     createdBy TEXT NOT NULL, createdAt INTEGER NOT NULL, expiresAt INTEGER, lastUsedAt INTEGER) STRICT;
   CREATE TABLE sessions (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, principal TEXT NOT NULL, name TEXT NOT NULL,
     role TEXT NOT NULL, by TEXT NOT NULL, token TEXT REFERENCES tokens(id) ON DELETE CASCADE, createdAt INTEGER NOT NULL, lastUsedAt INTEGER NOT NULL,
     expiresAt INTEGER NOT NULL) STRICT;
   CREATE TABLE setUps (hash TEXT PRIMARY KEY, expiresAt INTEGER NOT NULL) STRICT;
   CREATE TABLE answers (who TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, status INTEGER, body TEXT, at INTEGER NOT NULL,
     PRIMARY KEY (who, key)) STRICT;
   CREATE INDEX answersAt ON answers (at);`,
  `CREATE TABLE trends (kind TEXT NOT NULL, slot INTEGER NOT NULL, sample TEXT NOT NULL, PRIMARY KEY (kind, slot)) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE fleet (version INTEGER NOT NULL) STRICT;
   CREATE TABLE begun (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, operation TEXT NOT NULL, target TEXT NOT NULL) STRICT;`,
  `CREATE TABLE removed (id TEXT PRIMARY KEY, token INTEGER NOT NULL) STRICT;`,
];

/** The file. All calls are short and synchronous, and throw ProgramError EASGATE_ADMIN_FILE where it cannot be used. */
export class AdminFile {
  private readonly path: string;
  /** Null = it could not be opened anew; the next call tries again. */
  private file: OpenFile | null;

  /** Opens the file, which is created where it is missing. @throws ProgramError EASGATE_ADMIN_FILE */
  constructor(path: string) {
    this.path = path;
    this.file = openFile(path);
  }

  close(): void {
    const { file } = this;
    this.file = null;
    if (file !== null) release(file.database, file.watch);
  }

  /** Rows of a form. @throws ProgramError where the file has others */
  all<Row>(form: z.ZodType<Row>, sql: string, ...values: SQLInputValue[]): Row[] {
    return this.use((database) =>
      database
        .prepare(sql)
        .all(...values)
        .map((row) => {
          const { data } = form.safeParse(row);
          if (data === undefined)
            throw new ProgramError(
              'EASGATE_ADMIN_FILE',
              `${this.path} has a row that easgate does not write`,
            );
          return data;
        }),
    );
  }

  /** The `number` of the one row; 0 = there is none. */
  number(sql: string, ...values: SQLInputValue[]): number {
    return this.all(numberRow, sql, ...values)[0]?.number ?? 0;
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.use((database) => Number(database.prepare(sql).run(...values).changes));
  }

  /**
   * Hands the open file to `work`. A file that was deleted or replaced is opened anew first: else tokens revoked in the new one would hold on in the old
   * one.
   */
  use<T>(work: (database: DatabaseSync) => T): T {
    try {
      const watch = this.file?.watch ?? null;
      if (watch?.isSame() === false) {
        // Without this, the last changes are undone: a revoked token would be valid again.
        if (watch.hasLostLog()) this.file?.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        watch.setLogAside();
        this.close();
      }
      this.file ??= openFile(this.path);
      return work(this.file.database);
    } catch (error) {
      throw troubleOf(error, this.path);
    }
  }
}

/** `watch`: null in memory. */
interface OpenFile {
  readonly database: DatabaseSync;
  readonly watch: FileWatch | null;
}

/** @throws ProgramError EASGATE_ADMIN_FILE */
function openFile(path: string): OpenFile {
  let database: DatabaseSync | null = null;
  try {
    // Created with its mode: nobody else may read it, not even for a moment.
    if (path !== IN_MEMORY) {
      setLeftoversAside(path);
      const file = openSync(path, 'a', MODE);
      fchmodSync(file, MODE);
      closeSync(file);
    }
    const inode = inodeOf(path);
    database = new DatabaseSync(path, { timeout: BUSY_MS });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON');
    migrate(database);
    return { database, watch: inode === null ? null : new FileWatch(path, inode) };
  } catch (error) {
    database?.close();
    throw troubleOf(error, path);
  }
}

function troubleOf(error: unknown, path: string): ProgramError {
  if (error instanceof ProgramError) return error;
  // Messages of SQLite name no file.
  const text = fileTrouble(error, path);
  return new ProgramError('EASGATE_ADMIN_FILE', text.includes(path) ? text : `${path}: ${text}`);
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > MIGRATIONS.length)
    throw new ProgramError('EASGATE_ADMIN_FILE', 'the file of admin.file is of a later version of easgate');
  for (const [index, sql] of MIGRATIONS.entries())
    if (index >= version)
      database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
}
