// Owns the migration of older SQLite files, in numbered steps within the transaction that opens the file.
import type { DatabaseSync } from 'node:sqlite';
import { deviceKey } from '../../identity/device.ts';
import type { DeviceKey } from '../../identity/keys.ts';
import { needsOneKey, underOneKey } from '../one-key.ts';
import type { StoredDevice } from '../one-key.ts';
import { SCHEMA_VERSION } from './schema.ts';

/** The step from each version to the next. */
const STEPS: ReadonlyMap<number, (database: DatabaseSync, epoch: number) => void> = new Map([[1, toOneKey]]);

/** Migrates the file from `version` to {@link SCHEMA_VERSION}, in the caller's transaction. */
export function migrate(database: DatabaseSync, version: number, epoch: number): void {
  for (let from = version; from < SCHEMA_VERSION; from++) STEPS.get(from)?.(database, epoch);
  if (version < SCHEMA_VERSION) database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/** Version 2: one key per device for all spellings of its id; wipes name their partnerships. */
function toOneKey(database: DatabaseSync, epoch: number): void {
  // The primary key of partnerships begins with the user.
  database.exec('CREATE INDEX by_device ON partnerships (device)');
  const statements = {
    device: database.prepare('SELECT record FROM devices WHERE key = ?'),
    decisions: database.prepare('SELECT user, record FROM decisions WHERE device = ?'),
    partnerships: database.prepare('SELECT user, record FROM partnerships WHERE device = ?'),
  };
  const listed = (table: 'decisions' | 'partnerships', key: DeviceKey) =>
    statements[table].all(key).map((row) => ({ user: String(row['user']), record: String(row['record']) }));
  const read = (key: DeviceKey): StoredDevice => {
    const record = statements.device.get(key);
    return {
      key,
      record: record === undefined ? null : String(record['record']),
      decisions: listed('decisions', key),
      partnerships: listed('partnerships', key),
    };
  };
  const keys = database
    .prepare(
      'SELECT key FROM devices UNION SELECT device FROM decisions UNION SELECT device FROM partnerships',
    )
    .all()
    .map((row) => String(row['key']) as DeviceKey);
  for (const spelled of Map.groupBy(keys, deviceKey).values()) {
    const stored = spelled.map(read);
    if (needsOneKey(stored)) replace(database, stored, underOneKey(stored, Date.now(), epoch));
  }
  database.exec('DROP INDEX by_device');
}

function replace(database: DatabaseSync, before: readonly StoredDevice[], after: StoredDevice): void {
  for (const { key } of before) {
    database.prepare('DELETE FROM devices WHERE key = ?').run(key);
    database.prepare('DELETE FROM decisions WHERE device = ?').run(key);
    database.prepare('DELETE FROM partnerships WHERE device = ?').run(key);
    database.prepare('INSERT INTO changes (device, user) VALUES (?, NULL)').run(key);
  }
  const { key, record, decisions, partnerships } = after;
  if (record !== null) database.prepare('INSERT INTO devices VALUES (?, ?)').run(key, record);
  for (const { user, record: text } of decisions)
    database.prepare('INSERT INTO decisions VALUES (?, ?, ?)').run(key, user, text);
  for (const { user, record: text } of partnerships)
    database.prepare('INSERT INTO partnerships VALUES (?, ?, ?)').run(user, key, text);
  database.prepare('INSERT INTO changes (device, user) VALUES (?, NULL)').run(key);
}
