// Owns the identity of a SQLite file for `easgate store`: read and written without the checks of a gateway.
import { DatabaseSync } from 'node:sqlite';
import type { StoreIdentity } from '../store-identity.ts';
import type { StoreKeeper } from '../store-keeper.ts';
import { IDENTITY_TABLE, readIdentity, writeIdentity } from './identity-table.ts';
import { SCHEMA, SCHEMA_VERSION, LATER_TABLES } from './schema.ts';
import { fileError } from './file-trouble.ts';
import { createPrivately, inodeOf } from './store-file.ts';

const BUSY_MS = 500;

export class EmbeddedKeeper implements StoreKeeper {
  readonly place: string;

  constructor(path: string) {
    this.place = path;
  }

  async read(): Promise<StoreIdentity | null> {
    if (inodeOf(this.place) === null) return null;
    return this.within('BEGIN', (database) => find(database));
  }

  async replace(before: StoreIdentity | null, after: StoreIdentity): Promise<boolean> {
    if (inodeOf(this.place) === null) createPrivately(this.place);
    return this.within('BEGIN IMMEDIATE', (database) => {
      const found = find(database);
      if (found?.id !== before?.id || found?.epoch !== before?.epoch) return false;
      const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
      if (version === 0) database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
      database.exec(LATER_TABLES + IDENTITY_TABLE);
      writeIdentity(database, after);
      return true;
    });
  }

  async close(): Promise<void> {
    // Nothing is left open.
  }

  private within<T>(begin: string, work: (database: DatabaseSync) => T): T {
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(this.place, { timeout: BUSY_MS });
      database.exec(begin);
      const result = work(database);
      database.exec('COMMIT');
      return result;
    } catch (error) {
      throw fileError(this.place, error, '; nothing was written');
    } finally {
      database?.close();
    }
  }
}

function find(database: DatabaseSync): StoreIdentity | null {
  const table = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'store'").get();
  return table === undefined ? null : readIdentity(database);
}
