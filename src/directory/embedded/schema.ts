// Owns the tables of the SQLite file. They are public: docs/reference/directory-schema.md is made from them.

/** `PRAGMA user_version` of a file with these tables, whose records are as src/model reads them. */
export const SCHEMA_VERSION = 4;

/** `device` of a decision on a user with every device, and `user` of one on a device with every user. */
export const EVERY = '';

/**
 * Creates the tables in an empty file. Rows are in the order of their insertion, so that many are written quickly; `local` is the
 * folded local part of the user's name (src/identity/folded-name.ts).
 */
export const SCHEMA = `
  CREATE TABLE device_reports (device TEXT NOT NULL, source TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (device, source));
  CREATE TABLE user_reports (local TEXT NOT NULL, user TEXT NOT NULL, source TEXT NOT NULL, record TEXT NOT NULL,
    UNIQUE (local, user, source));
  CREATE TABLE aliases (local TEXT NOT NULL, alias TEXT NOT NULL, user TEXT NOT NULL, UNIQUE (local, alias));
  CREATE TABLE partnerships (device TEXT NOT NULL, user TEXT NOT NULL, local TEXT NOT NULL, first_seen INTEGER NOT NULL,
    last_allowed INTEGER, record TEXT NOT NULL, UNIQUE (device, user));
  CREATE INDEX partnerships_by_user ON partnerships (local, last_allowed);
  CREATE TABLE decisions (device TEXT NOT NULL, user TEXT NOT NULL, local TEXT NOT NULL, record TEXT NOT NULL,
    UNIQUE (device, user));
  CREATE INDEX decisions_on_users ON decisions (local) WHERE device = '';
  CREATE TABLE imported_decisions (device TEXT NOT NULL, user TEXT NOT NULL, source TEXT NOT NULL, local TEXT NOT NULL,
    record TEXT NOT NULL, UNIQUE (device, user, source));
  CREATE INDEX imported_on_users ON imported_decisions (local) WHERE device = '';
  CREATE TABLE changes (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, user TEXT);
`;

/** Newer than the other tables; older versions of easgate ignore it. */
export const LATER_TABLES = `
  CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS policies (version INTEGER PRIMARY KEY, record TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS leases (one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT NOT NULL, holder TEXT NOT NULL,
    fence INTEGER NOT NULL, expires_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS locks (name TEXT PRIMARY KEY, token TEXT NOT NULL, holder TEXT NOT NULL,
    expires_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS deliveries (feed TEXT NOT NULL, name TEXT NOT NULL, ends_at INTEGER NOT NULL,
    PRIMARY KEY (feed, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS push_answers (feed TEXT NOT NULL, key TEXT NOT NULL, ends_at INTEGER NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (feed, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS noted_changes (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, user TEXT NOT NULL,
    author TEXT NOT NULL, via TEXT NOT NULL, at INTEGER NOT NULL, written_at INTEGER NOT NULL);
`;
