// Owns the open SQLite file of the directory: creates it, checks its identity, watches for replacement, closes a
// replaced file and opens the known one again.
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import type { StatementSync } from 'node:sqlite';
import { messageOf } from '../../caught-error.ts';
import { monotonicNow } from '../../clock.ts';
import { everyAbout } from '../../coalesced-timers.ts';
import { StoreGuard } from '../store-guard.ts';
import type { GuardOptions } from '../store-guard.ts';
import { StoreOutageError, newIdentity } from '../store-identity.ts';
import type { StoreIdentity } from '../store-identity.ts';
import { IDENTITY_TABLE, readIdentity, writeBeat, writeIdentity } from './identity-table.ts';
import type { Preparing } from './identity-table.ts';
import { migrate } from './migrations.ts';
import { SCHEMA, SCHEMA_VERSION, LATER_TABLES } from './schema.ts';
import { SERVING_ROOM, USUAL_ROOM, logLength, setRoom } from './file-room.ts';
import type { FileRoom, LogLength } from './file-room.ts';
import { StoreFileError, fileError } from './file-trouble.ts';
import { FileWatch, createPrivately, inodeOf, narrow, release } from './store-file.ts';

/** Longest wait for a lock of another process; transactions take milliseconds. */
const BUSY_MS = 500;
/** How often {@link GuardedDatabase.write} tries again: those who write many records leave gaps of this length. */
const TRY_MS = 1;
/** It tries at least so often: in a busy process few tries fit into {@link BUSY_MS}, and each may miss the gaps. */
const LEAST_TRIES = 50;
/** Interval in which a gateway writes the beat, and how much earlier it may. Each write wakes every process that follows the log. */
const BEAT_MS = 2_500;
const EARLY_MS = 500;
/** A beat that stays for so long is not written any more. */
const UNSERVED_MS = 2 * BEAT_MS + BUSY_MS;
/** Pause before a file that is not the known one is checked again. */
const RETRY_MS = 100;
/** An in-memory database has no file to watch. */
const IN_MEMORY = ':memory:';
const PRAGMAS = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;';
const NOTHING_WRITTEN = '; nothing was written';

/** A value of a row. */
export interface Row {
  readonly [column: string]: unknown;
}

interface OpenFile {
  readonly database: DatabaseSync;
  readonly watch: FileWatch | null;
  readonly statements: Map<string, StatementSync>;
  readonly arrayStatements: Map<string, StatementSync>;
  /** Memory and length of the log for long transactions; null = as usual. */
  room: FileRoom | null;
}

/** All reads and writes go through {@link read} and {@link write}, which first check that the file is the known one. */
export class GuardedDatabase {
  readonly guard: StoreGuard;
  readonly path: string;
  /** Null = the known file is missing. */
  private file: OpenFile | null = null;
  private readonly endBeat: (() => void) | null;
  /** Keeps its statements; use within {@link read} or {@link write}. */
  private readonly prepared: Preparing = { prepare: (sql) => this.statement(sql) };
  private triedAt = -Infinity;
  /** The beat of the gateways that serve, and when it was first seen. */
  private beaten: { readonly beat: number; readonly at: number } | null = null;
  private closed = false;

  /** Opens the file, or creates it when no store was known here. @throws StoreOutageError */
  constructor(path: string, options: GuardOptions) {
    this.path = path;
    this.guard = new StoreGuard(path, options);
    this.file = this.open();
    this.endBeat = options.serves ? everyAbout(BEAT_MS, EARLY_MS, () => void this.writeBeat()) : null;
  }

  /** Reads in one transaction, without waiting for writers. @throws StoreOutageError, StoreFileError */
  read<T>(work: () => T): T {
    const { database } = this.settle();
    try {
      return inTransaction(database, 'BEGIN', () => {
        if (!this.isKnown()) this.guard.see(readIdentity(database));
        return work();
      });
    } catch (error) {
      throw fileError(this.path, error, '');
    }
  }

  private tryToWrite<T>(work: (database: DatabaseSync) => T): T {
    const { database, watch } = this.settle();
    let done: { readonly result: T } | null = null;
    try {
      while (done === null) {
        done = inTransaction(database, 'BEGIN IMMEDIATE', () =>
          this.isSetBack(database) ? null : { result: work(database) },
        );
        if (done === null) this.raiseEpoch(database);
      }
    } catch (error) {
      throw fileError(this.path, error, NOTHING_WRITTEN);
    }
    if (watch?.isWhole() ?? true) return done.result;
    const text = `${this.path}: removed or replaced during a write; the change is lost`;
    throw new StoreFileError('EASGATE_STORE_FILE', text);
  }

  /**
   * Writes in one exclusive transaction. While another process writes, this one goes on with other work and tries again, for {@link BUSY_MS}
   * and {@link LEAST_TRIES}. SQLite itself would stop the process meanwhile, and its waits are so long that they miss many gaps.
   * @throws StoreOutageError, StoreFileError
   */
  async write<T>(work: (database: DatabaseSync) => T): Promise<T> {
    const end = monotonicNow() + BUSY_MS;
    for (let tries = 1; ; tries += 1) {
      try {
        return this.withoutWaiting(() => this.tryToWrite(work));
      } catch (error) {
        const isBusy = error instanceof StoreFileError && error.code === 'EASGATE_STORE_BUSY';
        if (!isBusy || (tries >= LEAST_TRIES && monotonicNow() >= end)) throw error;
      }
      await pause(TRY_MS);
    }
  }

  private withoutWaiting<T>(work: () => T): T {
    const { database } = this.settle();
    database.exec('PRAGMA busy_timeout = 0');
    try {
      return work();
    } finally {
      if (database.isOpen) database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    }
  }

  /** Whether no gateway has served from this file for some time: then no phone waits for it. Use within {@link write}. */
  get isUnserved(): boolean {
    const { beaten } = this;
    return !this.guard.options.serves && beaten !== null && monotonicNow() - beaten.at >= UNSERVED_MS;
  }

  /** Sets how much memory the process has for pages, and how long the log may be; null = as usual. Use within {@link write}. */
  makeRoom(room: FileRoom | null): void {
    const file = this.file as OpenFile;
    if (file.room === room) return;
    file.room = room;
    setRoom(file.database, room ?? this.room);
  }

  private get room(): FileRoom {
    return this.guard.options.serves ? SERVING_ROOM : USUAL_ROOM;
  }

  /** Whether there is more room than usual. */
  get isRoomy(): boolean {
    return (this.file?.room ?? null) !== null;
  }

  /** Null = the file is not at its place. Not within a transaction. */
  logLength(): LogLength | null {
    const { file } = this;
    return file?.watch?.isWhole() === true ? logLength(file.database) : null;
  }

  /** Use within {@link read} or {@link write}. */
  statement(sql: string): StatementSync {
    const { database, statements } = this.file as OpenFile;
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  }

  /** Likewise; its rows are arrays. */
  arrayStatement(sql: string): StatementSync {
    const { database, arrayStatements } = this.file as OpenFile;
    let statement = arrayStatements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statement.setReturnArrays(true);
      arrayStatements.set(sql, statement);
    }
    return statement;
  }

  close(): void {
    this.closed = true;
    this.endBeat?.();
    this.guard.close();
    this.giveUp();
  }

  /**
   * The database of the known file. While the file is missing, the open database is kept, so that it works again when
   * the file is moved back. A replaced file is released, and the new one is checked.
   */
  private settle(): OpenFile {
    if (this.closed) throw new Error(`${this.path}: closed`);
    const { path, file, guard } = this;
    if (file !== null) {
      const { watch } = file;
      if (watch?.isWhole() ?? true) return file;
      if (inodeOf(path) === null) guard.see(null);
      if (watch?.hasFile() === true) {
        const name = watch.hasLog() ? `${path}-shm` : `${path}-wal`;
        const text = `${name} was removed or replaced: put it back, or restart the gateway`;
        guard.fail(new StoreOutageError('EASGATE_STORE_MISSING', text));
      }
      watch?.setLogAside();
      this.giveUp();
      this.triedAt = -Infinity;
    }
    const { trouble } = guard;
    if (trouble !== null && monotonicNow() - this.triedAt < RETRY_MS) throw trouble;
    try {
      this.file = this.open();
    } catch (error) {
      if (error instanceof StoreFileError) guard.fail(error);
      throw error;
    }
    return this.file;
  }

  private giveUp(): void {
    const { file } = this;
    this.file = null;
    if (file !== null) release(file.database, file.watch);
  }

  private open(): OpenFile {
    const { path, guard } = this;
    this.triedAt = monotonicNow();
    if (path === IN_MEMORY) return opened(this.prepare(), null);
    if (inodeOf(path) === null) {
      if (!guard.mayCreate) guard.see(null);
      createPrivately(path);
    }
    const inode = inodeOf(path);
    const database = this.prepare();
    const watch = new FileWatch(path, inode ?? '');
    if (!watch.isWhole()) {
      release(database, watch);
      throw new StoreFileError('EASGATE_STORE_FILE', `${path}: replaced while it was opened`);
    }
    this.narrow();
    return opened(database, watch);
  }

  private prepare(): DatabaseSync {
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(this.path, { timeout: BUSY_MS });
      // An unknown file is not changed.
      const version = versionOf(database);
      if (version === 0 && !this.guard.mayCreate) this.guard.see(null);
      if (version > SCHEMA_VERSION) {
        const text = `${this.path}: written by a newer version of easgate (schema version ${version}): use that version`;
        this.guard.fail(new StoreOutageError('EASGATE_STORE_SCHEMA', text));
      }
      database.exec(PRAGMAS);
      setRoom(database, this.room);
      this.prepareTables(database);
      return database;
    } catch (error) {
      database?.close();
      throw fileError(this.path, error, '');
    }
  }

  /**
   * Creates the tables of an empty file, and a missing identity; then checks the identity. A file that has all of that is only read: another
   * process may be writing very much, and the waits of SQLite itself miss its gaps.
   */
  private prepareTables(database: DatabaseSync): void {
    if (inTransaction(database, 'BEGIN', () => this.isReady(database))) return;
    const found = inTransaction(database, 'BEGIN IMMEDIATE', () => {
      const version = versionOf(database);
      if (version === 0) database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
      database.exec(LATER_TABLES + IDENTITY_TABLE);
      if (this.guard.mayCreate && readIdentity(database) === null) writeIdentity(database, newIdentity());
      const judged = this.judge(database);
      if (version > 0) migrate(database, version, judged.at(-1)?.epoch ?? this.guard.epoch);
      return judged;
    });
    for (const identity of found) this.guard.see(identity);
  }

  /** Whether nothing is to be written. @throws StoreOutageError */
  private isReady(database: DatabaseSync): boolean {
    if (versionOf(database) !== SCHEMA_VERSION || !hasLaterTables(database)) return false;
    const found = readIdentity(database);
    if (found === null || this.guard.judge(found).kind === 'setBack') return false;
    this.guard.see(found);
    return true;
  }

  /**
   * Use within a write transaction. Raises the epoch where the store lost writes. Returns what the guard is to see, in this order, once that
   * is committed: on a full disk it may not be, and a gateway that knew an epoch which the file does not have would take it for an old copy.
   * @throws StoreOutageError
   */
  private judge(database: Preparing): readonly StoreIdentity[] {
    const found = readIdentity(database);
    const { kind } = this.guard.judge(found);
    if (found === null || kind === 'outage') this.guard.see(found);
    if (found === null || kind !== 'setBack') return found === null ? [] : [found];
    const raised = { ...found, epoch: found.epoch + 1 };
    writeIdentity(database, raised);
    return [found, raised];
  }

  private raiseEpoch(database: DatabaseSync): void {
    const found = inTransaction(database, 'BEGIN IMMEDIATE', () => this.judge(database));
    for (const identity of found) this.guard.see(identity);
  }

  /** Use at the beginning of a write transaction: adopts an epoch that another process raised. @throws StoreOutageError */
  private isSetBack(database: Preparing): boolean {
    if (this.isKnown()) return false;
    const found = readIdentity(database);
    if (this.guard.judge(found).kind === 'setBack') return true;
    this.guard.see(found);
    return false;
  }

  private isKnown(): boolean {
    const row: Row | undefined = this.statement('SELECT id, epoch, beat FROM store').get();
    const { known, trouble } = this.guard;
    this.noteBeat(Number(row?.['beat']));
    return trouble === null && row !== undefined && row['id'] === known?.id && row['epoch'] === known?.epoch;
  }

  private noteBeat(beat: number): void {
    if (this.beaten?.beat !== beat) this.beaten = { beat, at: monotonicNow() };
  }

  private narrow(): void {
    const mode = narrow(this.path);
    if (mode === null) return;
    const facts = { code: 'EASGATE_STORE_MODE', path: this.path, mode: mode.toString(8) };
    this.guard.options.onEvent(
      'warn',
      facts,
      'other users can read the directory file, which contains secrets: run chmod 600 on it',
    );
  }

  private async writeBeat(): Promise<void> {
    try {
      await this.write(() => writeBeat(this.prepared));
      this.guard.noteBeat(null);
      const { database } = this.settle();
      const found = readIdentity(this.prepared);
      if (this.guard.judge(found).kind === 'setBack') this.withoutWaiting(() => this.raiseEpoch(database));
      else this.guard.see(found);
    } catch (error) {
      // If the file is not the known one, the guard has logged that already.
      if (this.guard.trouble === null && !this.closed) this.guard.noteBeat(messageOf(error));
    }
  }
}

function opened(database: DatabaseSync, watch: FileWatch | null): OpenFile {
  return { database, watch, statements: new Map(), arrayStatements: new Map(), room: null };
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

const LATER_NAMES = [...(LATER_TABLES + IDENTITY_TABLE).matchAll(/CREATE TABLE IF NOT EXISTS (\w+)/g)].map(
  ([, name = '']) => name,
);

function hasLaterTables(database: DatabaseSync): boolean {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const names = new Set(tables.map(({ name }) => name));
  return LATER_NAMES.every((name) => names.has(name));
}

/** SQLite itself rolls back when the disk is full; a second rollback would hide the cause. */
function inTransaction<T>(database: DatabaseSync, begin: string, work: () => T): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
