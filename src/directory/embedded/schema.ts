// Owns the tables of the SQLite file.

/** `PRAGMA user_version` of a file with these tables, whose records are as src/model reads them. */
export const SCHEMA_VERSION = 2;

/** Creates the tables in an empty file. */
export const SCHEMA = `
  CREATE TABLE devices (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE users (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE aliases (alias TEXT PRIMARY KEY, user TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE partnerships (user TEXT NOT NULL, device TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (user, device)) WITHOUT ROWID;
  CREATE TABLE decisions (device TEXT NOT NULL, user TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (device, user)) WITHOUT ROWID;
  CREATE TABLE changes (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, user TEXT);
`;

/** Newer than the other tables; older versions of easgate ignore it. */
export const SECRETS = `
  CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;
