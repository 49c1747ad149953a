// Owns the SQLite file of the read model: made privately, made anew when it is of another version, store or half built, and replaced
// by a file that was built beside it.
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { FileWatch, createPrivately, inodeOf, narrow, release } from '../embedded/store-file.ts';
import { PreparedStatements } from '../prepared-statements.ts';
import { ADD_UNSEEN, INDICES, MODEL_VERSION, TABLES, TRIGGERS } from './model-schema.ts';

/** SQLite's name of a database without a file: a command builds one for itself. */
export const IN_MEMORY = ':memory:';
/** Different statements that are kept prepared. */
const MAX_STATEMENTS = 500;
/** Longest wait for a lock of another process. */
const BUSY_MS = 5_000;
/** A cache: after a crash of the machine it may be broken, and is rebuilt. */
const PRAGMAS =
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -16384;';
/** Bytes of a page of a new file: rows and indices are built in a tenth less time than with SQLite's default of 4,096. */
const PAGE_BYTES = 8_192;
/** Of a file that is being built: nobody reads it, and a crash makes it void. */
const BUILDING =
  'PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384; PRAGMA mmap_size = 2147483647;';

/** The state of a model, as its file has it. Times: milliseconds since the epoch, 0 = never. */
export interface ModelState {
  /** Id and epoch of the store that it shows. */
  readonly store: string;
  readonly epoch: number;
  /** In the change log: everything up to it is included. */
  readonly position: string;
  readonly complete: boolean;
  /** When it was last known that there are no later changes. */
  readonly confirmedAt: number;
  /** The time by which its keeper writes here again: a later reader takes the file for abandoned. */
  readonly keptUntil: number;
  /** Begin of the last full read of the store: what the change log does not have, such as last seen, is of that time. */
  readonly fullReadAt: number;
}

/** Id and epoch of a store. */
type Shown = Pick<ModelState, 'store' | 'epoch'>;

/** The file, open for writing. */
export class ModelFile {
  readonly path: string;
  /** Nothing was read from the store into it yet. */
  readonly isNew: boolean;
  private open: { readonly database: DatabaseSync; readonly watch: FileWatch | null };
  private completed = false;
  private readonly statements = new PreparedStatements(MAX_STATEMENTS);

  private constructor(path: string, database: DatabaseSync, isNew: boolean) {
    this.path = path;
    this.isNew = isNew;
    this.open = { database, watch: watchOf(path) };
  }

  get database(): DatabaseSync {
    return this.open.database;
  }

  /** Opens the model of a store, or makes it anew. `store`: id and epoch. @throws when it cannot be written */
  static open(path: string, store: Shown): ModelFile {
    const kept = path === IN_MEMORY ? null : openKept(path, store);
    removeModel(buildingPath(path));
    if (kept !== null) return new ModelFile(path, kept, false);
    return new ModelFile(path, makeNew(path, store, PRAGMAS), true);
  }

  /** Makes an empty file beside this one, to be built and then to take its place; in memory there is no other place. */
  makeNext(): ModelFile {
    const path = buildingPath(this.path);
    removeModel(path);
    return new ModelFile(path, makeNew(path, this.state(), BUILDING), true);
  }

  /**
   * Takes the place of this file by a complete one, which is closed. Those who read this file go on reading it until they open the path
   * anew.
   */
  replaceBy(next: ModelFile): void {
    next.seal();
    this.close();
    // The file is removed before its log: nobody can open the one without the other. Those who have it open go on reading it.
    removeModel(this.path);
    renameSync(next.path, this.path);
    const database = new DatabaseSync(this.path, { timeout: BUSY_MS });
    this.open = { database, watch: null };
    database.exec(PRAGMAS);
    this.open = { database, watch: watchOf(this.path) };
    this.statements.clear();
    this.completed = false;
  }

  /** Closes and removes a file that did not become complete. */
  discard(): void {
    this.close();
    removeModel(this.path);
  }

  /** On the disk as a whole, without a log beside it. */
  private seal(): void {
    this.database.exec('PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL;');
    this.database.close();
    const file = openSync(this.path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Whether the path still leads to this file. */
  isSame(): boolean {
    return this.open.watch?.isSame() ?? true;
  }

  statement(sql: string): StatementSync {
    return this.statements.get(this.database, sql);
  }

  /** Writes in one transaction. SQLite itself rolls back when the disk is full. */
  write<T>(work: () => T): T {
    this.database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
  }

  state(): ModelState {
    return readState(this.database);
  }

  /** Use within {@link write}. */
  setState(state: Partial<ModelState>): void {
    const { store, epoch, position, complete, confirmedAt, fullReadAt, keptUntil } = {
      ...this.state(),
      ...state,
    };
    this.statement('INSERT OR REPLACE INTO model VALUES (1, ?, ?, ?, ?, ?, ?, ?)').run(
      store,
      epoch,
      position,
      Number(complete),
      confirmedAt,
      fullReadAt,
      keptUntil,
    );
  }

  /** Makes indices, search and counts by state, once all rows are there, one after the other. Needs the function `may_be_same` (model-functions.ts). */
  *complete(): Generator<undefined> {
    if (this.isComplete()) return;
    for (const sql of [...INDICES, ADD_UNSEEN]) {
      this.write(() => this.database.exec(sql));
      yield;
    }
    this.write(() => {
      this.database.exec(TRIGGERS);
      this.setState({ complete: true });
    });
    this.completed = true;
  }

  /** Whether it was built to its end. */
  isComplete(): boolean {
    return (this.completed ||= this.state().complete);
  }

  close(): void {
    release(this.open.database, this.open.watch);
  }
}

/** Where the file is built that takes the place of another one. */
function buildingPath(path: string): string {
  return path === IN_MEMORY ? IN_MEMORY : `${path}.new`;
}

function watchOf(path: string): FileWatch | null {
  return path === IN_MEMORY ? null : new FileWatch(path, inodeOf(path) ?? '');
}

function makeNew(path: string, { store, epoch }: Shown, pragmas: string): DatabaseSync {
  removeModel(path);
  if (path !== IN_MEMORY) createPrivately(path);
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    // Before all else: a file in WAL mode keeps the size of its pages (sqlite.org, PRAGMA page_size).
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    database.exec(pragmas);
    database.exec(`BEGIN IMMEDIATE; ${TABLES}`);
    database.prepare('INSERT INTO model VALUES (1, ?, ?, ?, 0, 0, 0, 0)').run(store, epoch, '');
    database.exec('COMMIT');
  } catch (error) {
    database.close();
    throw error;
  }
  if (path !== IN_MEMORY) narrow(path);
  return database;
}

/** Reads the state of a model. */
export function readState(database: DatabaseSync): ModelState {
  const row = database.prepare('SELECT * FROM model').get();
  if (row === undefined) throw new Error('the read model has no state');
  return {
    store: String(row['store']),
    epoch: Number(row['epoch']),
    position: String(row['position']),
    complete: row['complete'] === 1,
    confirmedAt: Number(row['confirmed_at']),
    fullReadAt: Number(row['full_read_at']),
    keptUntil: Number(row['kept_until']),
  };
}

/** Null = there is none that is whole, of this version and this store. */
function openKept(path: string, store: Shown): DatabaseSync | null {
  if (inodeOf(path) === null) return null;
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_MS });
    const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
    const state = version === MODEL_VERSION ? readState(database) : null;
    if (state?.complete === true && state.store === store.store && state.epoch === store.epoch) {
      database.exec(PRAGMAS);
      return database;
    }
  } catch {
    // Broken, or no database at all.
  }
  database?.close();
  return null;
}

function removeModel(path: string): void {
  if (path === IN_MEMORY) return;
  for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name, { force: true });
}
