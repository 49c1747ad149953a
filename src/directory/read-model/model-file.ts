// Owns the SQLite file of the read model: made privately, made anew when it is of another version, store or half built.
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { FileWatch, createPrivately, inodeOf, narrow, release } from '../embedded/store-file.ts';
import { INDICES, ADD_UNSEEN, MODEL_VERSION, TABLES } from './model-schema.ts';

/** SQLite's name of a database without a file: a command builds one for itself. */
export const IN_MEMORY = ':memory:';
/** Longest wait for a lock of another process. */
const BUSY_MS = 5_000;
/** A cache: after a crash of the machine it may be broken, and is built anew. */
const PRAGMAS =
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -65536;';

/** What a model says of itself. Times: milliseconds since the epoch, 0 = never. */
export interface ModelState {
  /** Id and epoch of the store that it shows. */
  readonly store: string;
  readonly epoch: number;
  /** In the change log: everything up to it is included. */
  readonly position: string;
  readonly complete: boolean;
  /** When it was last known that there are no later changes. */
  readonly confirmedAt: number;
  /** Begin of the last full look at the store: what the log does not tell, such as last seen, is as it was then. */
  readonly sweptAt: number;
}

/** The file, open for writing. */
export class ModelFile {
  readonly database: DatabaseSync;
  /** Nothing was read from the store into it yet. */
  readonly isNew: boolean;
  private readonly watch: FileWatch | null;
  private completed = false;
  private readonly statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync, watch: FileWatch | null, isNew: boolean) {
    this.database = database;
    this.watch = watch;
    this.isNew = isNew;
  }

  /** Opens the model of a store, or makes it anew. `store`: id and epoch. @throws when it cannot be written */
  static open(path: string, store: Pick<ModelState, 'store' | 'epoch'>): ModelFile {
    const kept = path === IN_MEMORY ? null : openKept(path, store);
    if (kept !== null) return new ModelFile(kept, new FileWatch(path, inodeOf(path) ?? ''), false);
    removeModel(path);
    if (path !== IN_MEMORY) createPrivately(path);
    const database = new DatabaseSync(path, { timeout: BUSY_MS });
    try {
      database.exec(PRAGMAS);
      database.exec(`BEGIN IMMEDIATE; ${TABLES}`);
      database.prepare('INSERT INTO model VALUES (1, ?, ?, ?, 0, 0, 0)').run(store.store, store.epoch, '');
      database.exec('COMMIT');
    } catch (error) {
      database.close();
      throw error;
    }
    if (path === IN_MEMORY) return new ModelFile(database, null, true);
    narrow(path);
    return new ModelFile(database, new FileWatch(path, inodeOf(path) ?? ''), true);
  }

  /** Whether the path still leads to this file. */
  isSame(): boolean {
    return this.watch?.isSame() ?? true;
  }

  statement(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.database.prepare(sql)));
    return statement;
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
    const { store, epoch, position, complete, confirmedAt, sweptAt } = { ...this.state(), ...state };
    this.statement('INSERT OR REPLACE INTO model VALUES (1, ?, ?, ?, ?, ?, ?)').run(
      store,
      epoch,
      position,
      Number(complete),
      confirmedAt,
      sweptAt,
    );
  }

  /** Makes indices, search and tiles, once all rows are there. Needs the function `meets`. */
  complete(): void {
    if (this.isComplete()) return;
    this.write(() => {
      this.database.exec(INDICES);
      this.database.exec(ADD_UNSEEN);
      this.setState({ complete: true });
    });
    this.completed = true;
  }

  /** Whether it was built to its end. */
  isComplete(): boolean {
    return (this.completed ||= this.state().complete);
  }

  close(): void {
    release(this.database, this.watch);
  }
}

/** Reads what a model says of itself. */
export function readState(database: DatabaseSync): ModelState {
  const row = database.prepare('SELECT * FROM model').get();
  if (row === undefined) throw new Error('the read model has no state');
  return {
    store: String(row['store']),
    epoch: Number(row['epoch']),
    position: String(row['position']),
    complete: row['complete'] === 1,
    confirmedAt: Number(row['confirmed_at']),
    sweptAt: Number(row['swept_at']),
  };
}

/** Null = there is none that is whole, of this version and this store. */
function openKept(path: string, store: Pick<ModelState, 'store' | 'epoch'>): DatabaseSync | null {
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
