// Owns the store's identity in a SQLite file: one row.
import type { DatabaseSync } from 'node:sqlite';
import { STORE_SCHEMA, nextBeat } from '../store-identity.ts';
import type { StoreIdentity } from '../store-identity.ts';

/** Newer than the other tables; older versions of easgate ignore it. */
export const IDENTITY_TABLE = `
  CREATE TABLE IF NOT EXISTS store (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, id TEXT NOT NULL,
    epoch INTEGER NOT NULL, beat INTEGER NOT NULL, beat_at INTEGER NOT NULL, replaces TEXT NOT NULL);
`;

/** Where statements are prepared, each time or once. */
export type Preparing = Pick<DatabaseSync, 'prepare'>;

/** Null = the file has no identity. */
export function readIdentity(database: Preparing): StoreIdentity | null {
  const row = database.prepare('SELECT id, epoch, beat, replaces FROM store').get();
  if (row === undefined) return null;
  const { id, epoch, beat, replaces } = row;
  return {
    // Files are brought over when they are opened, by `PRAGMA user_version`.
    schema: STORE_SCHEMA,
    id: String(id),
    epoch: Number(epoch),
    beat: Number(beat),
    replaces: String(replaces).split(' ').filter(Boolean),
  };
}

export function writeIdentity(database: Preparing, { id, epoch, beat, replaces }: StoreIdentity): void {
  database
    .prepare('INSERT OR REPLACE INTO store VALUES (1, ?, ?, ?, ?, ?, ?)')
    .run(STORE_SCHEMA, id, epoch, beat, Date.now(), replaces.join(' '));
}

/** Advances the beat when it is due; workers take turns. */
export function writeBeat(database: Preparing): void {
  const row = database.prepare('SELECT beat, beat_at FROM store').get();
  if (row === undefined) return;
  const now = Date.now();
  const beat = nextBeat(Number(row['beat']), now - Number(row['beat_at']));
  if (beat !== null) database.prepare('UPDATE store SET beat = ?, beat_at = ?').run(beat, now);
}
