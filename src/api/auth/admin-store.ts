// Owns the file of the admin API: tokens, sessions, set-up links, answers to requests with an Idempotency-Key. It belongs to one
// gateway; in a fleet the first three are copies of what the directory keeps (fleet-accounts.ts). Nothing that phones need is in it.
import { closeSync, fchmodSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue } from 'node:sqlite';
import type { z } from 'zod';
import { FileWatch, inodeOf, release, setLeftoversAside } from '../../directory/embedded/store-file.ts';
import { fileTrouble } from '../../file-words.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import {
  begunChangeRow,
  idRow,
  numberRow,
  sampleRow,
  sessionRow,
  setUpRow,
  storedAnswerRow,
  tokenRow,
} from './admin-rows.ts';
import type { BegunChange, StoredAnswer, StoredSession, StoredSetUp, StoredToken } from './admin-rows.ts';

/** Everything that a fleet shares. */
export interface Accounts {
  readonly tokens: readonly StoredToken[];
  readonly sessions: readonly StoredSession[];
  readonly setUps: readonly StoredSetUp[];
}

const IN_MEMORY = ':memory:';
const MODE = 0o600;
const BUSY_MS = 2_000;
const MAX_TOKENS = 1_000;
const MAX_SESSIONS = 10_000;
/** Sessions and answers of one principal: whoever has most cannot push out those of others. */
const MAX_OWN_SESSIONS = 50;
const MAX_OWN_ANSWERS = 1_000;
const MAX_ANSWERS = 100_000;
const ANSWER_MS = 86_400_000;
/** Removed tokens and removed sessions that are remembered, of each kind: sessions cannot push tokens out. */
const MAX_REMOVED = 10_000;
/** Longer answers are not kept. */
const MAX_ANSWER_LENGTH = 65_536;
/** A set-up link cannot hold longer, also after the clock was set back. */
const LONGEST_SET_UP_MS = 16 * 60_000;
const SET_UP_IN_FORCE = 'WHERE hash = ? AND expiresAt > ? AND expiresAt < ?';

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

/** The open file. All calls are short and synchronous, and throw ProgramError EASGATE_ADMIN_FILE where the file cannot be used. */
export class AdminStore {
  private readonly path: string;
  /** Null = it could not be opened anew; the next call tries again. */
  private file: OpenFile | null;

  private constructor(path: string) {
    this.path = path;
    this.file = openFile(path);
  }

  /** Opens the file, which is created where it is missing. @throws ProgramError EASGATE_ADMIN_FILE */
  static open(path: string): AdminStore {
    return new AdminStore(path);
  }

  /** @throws ProgramError EASGATE_ADMIN_LIMIT where there is no room for another token */
  checkRoom(): void {
    if (this.number('SELECT count(*) AS number FROM tokens') >= MAX_TOKENS)
      throw new ProgramError('EASGATE_ADMIN_LIMIT', `there are ${MAX_TOKENS} tokens: revoke some first`);
  }

  addToken(token: StoredToken): void {
    this.checkRoom();
    this.run(
      'INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      token.id,
      token.hash,
      token.name,
      token.role,
      token.createdBy,
      token.createdAt,
      token.expiresAt,
      token.lastUsedAt,
    );
  }

  /** The token of a hash, also one that ended; null = none. */
  token(hash: string): StoredToken | null {
    return this.all(tokenRow, 'SELECT * FROM tokens WHERE hash = ?', hash)[0] ?? null;
  }

  /** Null = none. */
  tokenById(id: string): StoredToken | null {
    return this.all(tokenRow, 'SELECT * FROM tokens WHERE id = ?', id)[0] ?? null;
  }

  /** The newest first. */
  tokens(): StoredToken[] {
    return this.all(tokenRow, 'SELECT * FROM tokens ORDER BY createdAt DESC, id');
  }

  useToken(id: string, at: number): void {
    this.run('UPDATE tokens SET lastUsedAt = ? WHERE id = ?', at, id);
  }

  /** Removes a token with its sessions, for good. Null = there is none. */
  removeToken(id: string): StoredToken | null {
    this.remember(id, true);
    return this.all(tokenRow, 'DELETE FROM tokens WHERE id = ? RETURNING *', id)[0] ?? null;
  }

  /** Whether a token or session of an admin is in force. */
  hasAdmin(now: number): boolean {
    const sql =
      "SELECT 1 AS number FROM tokens WHERE role = 'admin' AND (expiresAt IS NULL OR expiresAt > ?) " +
      "UNION SELECT 1 FROM sessions WHERE role = 'admin' AND expiresAt > ? LIMIT 1";
    return this.number(sql, now, now) > 0;
  }

  /** Returns the ids of the sessions that are removed for it: ended ones, and the oldest ones where there are too many. */
  addSession(session: StoredSession): string[] {
    // Whoever signs in most cannot keep others out.
    const oldest =
      'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE principal = coalesce(?, principal) ' +
      'ORDER BY lastUsedAt DESC, createdAt DESC LIMIT -1 OFFSET ?) RETURNING id';
    const gone = [
      ...this.all(idRow, 'DELETE FROM sessions WHERE expiresAt <= ? RETURNING id', session.createdAt),
      ...this.all(idRow, oldest, session.principal, MAX_OWN_SESSIONS - 1),
      ...this.all(idRow, oldest, null, MAX_SESSIONS - 1),
    ];
    this.run(
      'INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      session.id,
      session.hash,
      session.principal,
      session.name,
      session.role,
      session.by,
      session.token,
      session.createdAt,
      session.lastUsedAt,
      session.expiresAt,
    );
    return gone.map(({ id }) => id);
  }

  /** The session of a hash, also one that ended; null = none. */
  session(hash: string): StoredSession | null {
    return this.all(sessionRow, 'SELECT * FROM sessions WHERE hash = ?', hash)[0] ?? null;
  }

  /** Those in force at `now`, the newest first. */
  sessions(now: number): StoredSession[] {
    const sql = 'SELECT * FROM sessions WHERE expiresAt > ? ORDER BY createdAt DESC, id';
    return this.all(sessionRow, sql, now);
  }

  useSession(id: string, at: number): void {
    this.run('UPDATE sessions SET lastUsedAt = ? WHERE id = ?', at, id);
  }

  /** Likewise, a session. False = there is none. */
  removeSession(id: string): boolean {
    this.remember(id, false);
    return this.run('DELETE FROM sessions WHERE id = ?', id) > 0;
  }

  /** Ids of tokens and sessions that were removed here. Ids are random: none comes back. */
  removedIds(): Set<string> {
    return new Set(this.all(idRow, 'SELECT id FROM removed').map(({ id }) => id));
  }

  /** Stores a set-up link in place of all others. */
  addSetUp(hash: string, expiresAt: number): void {
    this.run('DELETE FROM setUps');
    this.run('INSERT INTO setUps VALUES (?, ?)', hash, expiresAt);
  }

  /** Redeems a set-up link. False = there is none that is in force, or somebody used it. */
  takeSetUp(hash: string, now: number): boolean {
    return this.run(`DELETE FROM setUps ${SET_UP_IN_FORCE}`, hash, now, now + LONGEST_SET_UP_MS) > 0;
  }

  /** Whether a set-up link is in force. */
  hasSetUp(hash: string, now: number): boolean {
    const sql = `SELECT count(*) AS number FROM setUps ${SET_UP_IN_FORCE}`;
    return this.number(sql, hash, now, now + LONGEST_SET_UP_MS) > 0;
  }

  /** Everything that a fleet shares. */
  accounts(): Accounts {
    return {
      tokens: this.all(tokenRow, 'SELECT * FROM tokens'),
      sessions: this.all(sessionRow, 'SELECT * FROM sessions'),
      setUps: this.all(setUpRow, 'SELECT * FROM setUps'),
    };
  }

  /** The version of the fleet's accounts that the file has; null = it has its own alone. */
  fleetVersion(): number | null {
    return this.all(numberRow, 'SELECT version AS number FROM fleet')[0]?.number ?? null;
  }

  /** Puts the accounts of the fleet in place of all that are here. */
  takeAccounts({ tokens, sessions, setUps }: Accounts, version: number): void {
    this.use((database) => {
      database.exec('BEGIN IMMEDIATE');
      try {
        database.exec('DELETE FROM sessions; DELETE FROM tokens; DELETE FROM setUps; DELETE FROM fleet');
        for (const token of tokens) insert(database, 'tokens', token);
        // Of two tokens with the same hash one is stored.
        const stored = database.prepare('SELECT id FROM tokens').all();
        const known = new Set<unknown>([null, ...stored.map(({ id }) => id)]);
        for (const session of sessions) if (known.has(session.token)) insert(database, 'sessions', session);
        for (const setUp of setUps) insert(database, 'setUps', setUp);
        insert(database, 'fleet', { version });
        database.exec('COMMIT');
      } catch (error) {
        // SQLite rolls back by itself when the disk is full (sqlite.org/lang_transaction.html).
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Claims a key for a request. Null = it is new, and claimed now; else what is stored under it. */
  claim(who: string, key: string, request: string, now: number): StoredAnswer | null {
    this.run('DELETE FROM answers WHERE at < ?', now - ANSWER_MS);
    const oldest =
      'DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers WHERE who = coalesce(?, who) ORDER BY at DESC LIMIT -1 OFFSET ?)';
    this.run(oldest, who, MAX_OWN_ANSWERS - 1);
    if (this.number('SELECT count(*) AS number FROM answers') >= MAX_ANSWERS)
      this.run(oldest, null, MAX_ANSWERS - 1);
    const claimed = this.run(
      'INSERT INTO answers VALUES (?, ?, ?, NULL, NULL, ?) ON CONFLICT DO NOTHING',
      who,
      key,
      request,
      now,
    );
    if (claimed > 0) return null;
    const sql = 'SELECT request, status, body FROM answers WHERE who = ? AND key = ?';
    return this.all(storedAnswerRow, sql, who, key)[0] ?? null;
  }

  /** Stores the answer to a claimed request; a very long one is not kept. */
  answer(who: string, key: string, status: number, body: string | null): void {
    const kept = body !== null && body.length <= MAX_ANSWER_LENGTH ? body : null;
    this.run('UPDATE answers SET status = ?, body = ? WHERE who = ? AND key = ?', status, kept, who, key);
  }

  /** Gives a claim back: the request failed, and may be tried again. */
  unclaim(who: string, key: string): void {
    this.run('DELETE FROM answers WHERE who = ? AND key = ? AND status IS NULL', who, key);
  }

  /** Requests that were under way when the process ended are no longer. */
  forgetUnanswered(): void {
    this.run('DELETE FROM answers WHERE status IS NULL');
  }

  /** Notes a change that begins. Returns its id. */
  beginChange({ at, by, operation, target }: Omit<BegunChange, 'id'>): number {
    const sql = 'INSERT INTO begun (at, by, operation, target) VALUES (?, ?, ?, ?) RETURNING id AS number';
    return this.number(sql, at, by, operation, target);
  }

  endChange(id: number): void {
    this.run('DELETE FROM begun WHERE id = ?', id);
  }

  /** Changes that have not ended, the oldest first. */
  begunChanges(): BegunChange[] {
    return this.all(begunChangeRow, 'SELECT * FROM begun ORDER BY id');
  }

  /** Stores a sample of a trend in place of the one before, and forgets those of slots before `from`. */
  putSample(kind: string, slot: number, sample: string, from: number): void {
    this.run(
      'INSERT INTO trends VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sample = excluded.sample',
      kind,
      slot,
      sample,
    );
    this.run('DELETE FROM trends WHERE kind = ? AND (slot < ? OR slot > ?)', kind, from, slot);
  }

  /** The samples of a trend from a slot on, in their order. */
  samples(kind: string, from: number): { readonly slot: number; readonly sample: string }[] {
    const sql = 'SELECT slot, sample FROM trends WHERE kind = ? AND slot >= ? ORDER BY slot';
    return this.all(sampleRow, sql, kind, from);
  }

  close(): void {
    this.giveUp();
  }

  private giveUp(): void {
    const { file } = this;
    this.file = null;
    if (file !== null) release(file.database, file.watch);
  }

  private remember(id: string, isToken: boolean): void {
    const kind = Number(isToken);
    this.run('INSERT OR IGNORE INTO removed VALUES (?, ?)', id, kind);
    const oldest = 'SELECT rowid FROM removed WHERE token = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?';
    this.run(`DELETE FROM removed WHERE rowid IN (${oldest})`, kind, MAX_REMOVED);
  }

  /** Rows of a form. @throws ProgramError where the file has others */
  private all<Row>(form: z.ZodType<Row>, sql: string, ...values: SQLInputValue[]): Row[] {
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
  private number(sql: string, ...values: SQLInputValue[]): number {
    return this.all(numberRow, sql, ...values)[0]?.number ?? 0;
  }

  private run(sql: string, ...values: SQLInputValue[]): number {
    return this.use((database) => Number(database.prepare(sql).run(...values).changes));
  }

  /** A file that was deleted or replaced is opened anew: else tokens revoked in the new one would hold on in the old one. */
  private use<T>(work: (database: DatabaseSync) => T): T {
    try {
      const watch = this.file?.watch ?? null;
      if (watch?.isSame() === false) {
        // Without this, the last changes are undone: a revoked token would be valid again.
        if (watch.hasLostLog()) this.file?.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        watch.setLogAside();
        this.giveUp();
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

/** Inserts a row by the names of its columns. */
function insert(database: DatabaseSync, table: string, row: object): void {
  const names = Object.keys(row);
  database
    .prepare(
      `INSERT OR REPLACE INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    )
    .run(...(Object.values(row) as SQLInputValue[]));
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
