// Owns what the admin API keeps in its file: tokens, sessions, set-up links, answers to requests with an Idempotency-Key. The file belongs to
// one gateway; in a fleet the first three are copies of what the directory keeps (fleet-accounts.ts). Nothing that phones need is in it.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { ProgramError } from '../../errors/program-errors.ts';
import { AdminFile } from './admin-file.ts';
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

/** The rows of the file (admin-file.ts). All calls are short and synchronous, and throw ProgramError EASGATE_ADMIN_FILE where the file cannot be used. */
export class AdminStore {
  private readonly file: AdminFile;

  private constructor(file: AdminFile) {
    this.file = file;
  }

  /** Opens the file, which is created where it is missing. @throws ProgramError EASGATE_ADMIN_FILE */
  static open(path: string): AdminStore {
    return new AdminStore(new AdminFile(path));
  }

  /** @throws ProgramError EASGATE_ADMIN_LIMIT where there is no room for another token */
  checkRoom(): void {
    if (this.file.number('SELECT count(*) AS number FROM tokens') >= MAX_TOKENS)
      throw new ProgramError('EASGATE_ADMIN_LIMIT', `there are ${MAX_TOKENS} tokens: revoke some first`);
  }

  addToken(token: StoredToken): void {
    this.checkRoom();
    this.file.run(
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
    return this.file.all(tokenRow, 'SELECT * FROM tokens WHERE hash = ?', hash)[0] ?? null;
  }

  /** Null = none. */
  tokenById(id: string): StoredToken | null {
    return this.file.all(tokenRow, 'SELECT * FROM tokens WHERE id = ?', id)[0] ?? null;
  }

  /** The newest first. */
  tokens(): StoredToken[] {
    return this.file.all(tokenRow, 'SELECT * FROM tokens ORDER BY createdAt DESC, id');
  }

  useToken(id: string, at: number): void {
    this.file.run('UPDATE tokens SET lastUsedAt = ? WHERE id = ?', at, id);
  }

  /** Removes a token with its sessions, for good. Null = there is none. */
  removeToken(id: string): StoredToken | null {
    this.remember(id, true);
    return this.file.all(tokenRow, 'DELETE FROM tokens WHERE id = ? RETURNING *', id)[0] ?? null;
  }

  /** Whether a token or session of an admin is in force. */
  hasAdmin(now: number): boolean {
    const sql =
      "SELECT 1 AS number FROM tokens WHERE role = 'admin' AND (expiresAt IS NULL OR expiresAt > ?) " +
      "UNION SELECT 1 FROM sessions WHERE role = 'admin' AND expiresAt > ? LIMIT 1";
    return this.file.number(sql, now, now) > 0;
  }

  /** Returns the ids of the sessions that are removed for it: ended ones, and the oldest ones where there are too many. */
  addSession(session: StoredSession): string[] {
    // Whoever signs in most cannot keep others out.
    const oldest =
      'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE principal = coalesce(?, principal) ' +
      'ORDER BY lastUsedAt DESC, createdAt DESC LIMIT -1 OFFSET ?) RETURNING id';
    const gone = [
      ...this.file.all(idRow, 'DELETE FROM sessions WHERE expiresAt <= ? RETURNING id', session.createdAt),
      ...this.file.all(idRow, oldest, session.principal, MAX_OWN_SESSIONS - 1),
      ...this.file.all(idRow, oldest, null, MAX_SESSIONS - 1),
    ];
    this.file.run(
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
    return this.file.all(sessionRow, 'SELECT * FROM sessions WHERE hash = ?', hash)[0] ?? null;
  }

  /** Those in force at `now`, the newest first. */
  sessions(now: number): StoredSession[] {
    const sql = 'SELECT * FROM sessions WHERE expiresAt > ? ORDER BY createdAt DESC, id';
    return this.file.all(sessionRow, sql, now);
  }

  useSession(id: string, at: number): void {
    this.file.run('UPDATE sessions SET lastUsedAt = ? WHERE id = ?', at, id);
  }

  /** Likewise, a session. False = there is none. */
  removeSession(id: string): boolean {
    this.remember(id, false);
    return this.file.run('DELETE FROM sessions WHERE id = ?', id) > 0;
  }

  /** Ids of tokens and sessions that were removed here. Ids are random: none comes back. */
  removedIds(): Set<string> {
    return new Set(this.file.all(idRow, 'SELECT id FROM removed').map(({ id }) => id));
  }

  /** Stores a set-up link in place of all others. */
  addSetUp(hash: string, expiresAt: number): void {
    this.file.run('DELETE FROM setUps');
    this.file.run('INSERT INTO setUps VALUES (?, ?)', hash, expiresAt);
  }

  /** Redeems a set-up link. False = there is none that is in force, or somebody used it. */
  takeSetUp(hash: string, now: number): boolean {
    return this.file.run(`DELETE FROM setUps ${SET_UP_IN_FORCE}`, hash, now, now + LONGEST_SET_UP_MS) > 0;
  }

  /** Whether a set-up link is in force. */
  hasSetUp(hash: string, now: number): boolean {
    const sql = `SELECT count(*) AS number FROM setUps ${SET_UP_IN_FORCE}`;
    return this.file.number(sql, hash, now, now + LONGEST_SET_UP_MS) > 0;
  }

  /** Everything that a fleet shares. */
  accounts(): Accounts {
    return {
      tokens: this.file.all(tokenRow, 'SELECT * FROM tokens'),
      sessions: this.file.all(sessionRow, 'SELECT * FROM sessions'),
      setUps: this.file.all(setUpRow, 'SELECT * FROM setUps'),
    };
  }

  /** The version of the fleet's accounts that the file has; null = it has its own alone. */
  fleetVersion(): number | null {
    return this.file.all(numberRow, 'SELECT version AS number FROM fleet')[0]?.number ?? null;
  }

  /** Puts the accounts of the fleet in place of all that are here. */
  takeAccounts({ tokens, sessions, setUps }: Accounts, version: number): void {
    this.file.use((database) => {
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
    this.file.run('DELETE FROM answers WHERE at < ?', now - ANSWER_MS);
    const oldest =
      'DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers WHERE who = coalesce(?, who) ORDER BY at DESC LIMIT -1 OFFSET ?)';
    this.file.run(oldest, who, MAX_OWN_ANSWERS - 1);
    if (this.file.number('SELECT count(*) AS number FROM answers') >= MAX_ANSWERS)
      this.file.run(oldest, null, MAX_ANSWERS - 1);
    const claimed = this.file.run(
      'INSERT INTO answers VALUES (?, ?, ?, NULL, NULL, ?) ON CONFLICT DO NOTHING',
      who,
      key,
      request,
      now,
    );
    if (claimed > 0) return null;
    const sql = 'SELECT request, status, body FROM answers WHERE who = ? AND key = ?';
    return this.file.all(storedAnswerRow, sql, who, key)[0] ?? null;
  }

  /** Stores the answer to a claimed request; a very long one is not kept. */
  answer(who: string, key: string, status: number, body: string | null): void {
    const kept = body !== null && body.length <= MAX_ANSWER_LENGTH ? body : null;
    this.file.run(
      'UPDATE answers SET status = ?, body = ? WHERE who = ? AND key = ?',
      status,
      kept,
      who,
      key,
    );
  }

  /** Gives a claim back: the request failed, and may be tried again. */
  unclaim(who: string, key: string): void {
    this.file.run('DELETE FROM answers WHERE who = ? AND key = ? AND status IS NULL', who, key);
  }

  /** Requests that were under way when the process ended are no longer. */
  forgetUnanswered(): void {
    this.file.run('DELETE FROM answers WHERE status IS NULL');
  }

  /** Notes a change that begins. Returns its id. */
  beginChange({ at, by, operation, target }: Omit<BegunChange, 'id'>): number {
    const sql = 'INSERT INTO begun (at, by, operation, target) VALUES (?, ?, ?, ?) RETURNING id AS number';
    return this.file.number(sql, at, by, operation, target);
  }

  endChange(id: number): void {
    this.file.run('DELETE FROM begun WHERE id = ?', id);
  }

  /** Changes that have not ended, the oldest first. */
  begunChanges(): BegunChange[] {
    return this.file.all(begunChangeRow, 'SELECT * FROM begun ORDER BY id');
  }

  /** Stores a sample of a trend in place of the one before, and forgets those of slots before `from`. */
  putSample(kind: string, slot: number, sample: string, from: number): void {
    this.file.run(
      'INSERT INTO trends VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sample = excluded.sample',
      kind,
      slot,
      sample,
    );
    this.file.run('DELETE FROM trends WHERE kind = ? AND (slot < ? OR slot > ?)', kind, from, slot);
  }

  /** The samples of a trend from a slot on, in their order. */
  samples(kind: string, from: number): { readonly slot: number; readonly sample: string }[] {
    const sql = 'SELECT slot, sample FROM trends WHERE kind = ? AND slot >= ? ORDER BY slot';
    return this.file.all(sampleRow, sql, kind, from);
  }

  close(): void {
    this.file.close();
  }

  private remember(id: string, isToken: boolean): void {
    const kind = Number(isToken);
    this.file.run('INSERT OR IGNORE INTO removed VALUES (?, ?)', id, kind);
    const oldest = 'SELECT rowid FROM removed WHERE token = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?';
    this.file.run(`DELETE FROM removed WHERE rowid IN (${oldest})`, kind, MAX_REMOVED);
  }
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
