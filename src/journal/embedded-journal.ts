// Owns the journal and the audit in a SQLite file of their own: what happens to it never concerns the directory.
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { fileError, giveToOwner, prepareFile } from '../directory/embedded/file-trouble.ts';
import { FileWatch, createPrivately, inodeOf, narrow, release } from '../directory/embedded/store-file.ts';
import { NO_GROUPS } from '../identity/user-names.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';
import type {
  JournalFilter,
  JournalStore,
  QueryPage,
  Retention,
  StreamEntries,
  StreamName,
  StreamPart,
} from './journal-store.ts';
import { scanNewest } from './newest-first.ts';
import type { Found, Position, Scan } from './newest-first.ts';
import { STREAM_FORMS, isWanted, localOf } from './stream-forms.ts';
import type { Marks, StreamForm } from './stream-forms.ts';

const IN_MEMORY = ':memory:';
const SCHEMA_VERSION = 1;
/** Entries of many phones go all over the indices: with 16 MB of pages in memory fewer are read and written again. */
const PRAGMAS =
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;';

/** AUTOINCREMENT: an id is never used again, because it is the position of an entry. */
function tableOf(name: StreamName): string {
  return `
    CREATE TABLE ${name} (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
      local TEXT, device TEXT, reason TEXT, record TEXT NOT NULL);
    CREATE INDEX ${name}_at ON ${name} (at);
    CREATE INDEX ${name}_kind ON ${name} (kind, at);
    CREATE INDEX ${name}_local ON ${name} (local, at) WHERE local IS NOT NULL;
    CREATE INDEX ${name}_device ON ${name} (device, at) WHERE device IS NOT NULL;
    CREATE INDEX ${name}_reason ON ${name} (reason, at) WHERE reason IS NOT NULL;`;
}

const SCHEMA = `${tableOf('journal')} ${tableOf('audit')} PRAGMA user_version = ${SCHEMA_VERSION};`;

/** Rows removed with each append beside as many as were appended: the file shrinks in small steps. */
const REMOVED_AT_ONCE = 500;

/** How the file is opened. */
export interface EmbeddedJournalOptions {
  readonly retention: Retention;
  /** Longest wait for another process that writes, milliseconds. Blocks the process. */
  readonly busyMs: number;
  readonly names?: UserNames;
  readonly wall?: () => number;
}

interface OpenFile {
  readonly database: DatabaseSync;
  readonly watch: FileWatch | null;
  readonly statements: Map<string, StatementSync>;
}

/** Opens the file when it is first needed, and again when it was removed or replaced. */
export class EmbeddedJournal implements JournalStore {
  private readonly path: string;
  private readonly options: EmbeddedJournalOptions;
  private readonly names: UserNames;
  private readonly wall: () => number;
  private file: OpenFile | null = null;
  private closed = false;

  constructor(path: string, options: EmbeddedJournalOptions) {
    this.path = path;
    this.options = options;
    this.names = options.names ?? NO_GROUPS;
    this.wall = options.wall ?? Date.now;
  }

  async append(entries: readonly JournalEntry[]): Promise<void> {
    this.write('journal', entries);
  }

  async appendAudit(entry: AuditEntry): Promise<void> {
    this.write('audit', [entry]);
  }

  async end(stream: StreamName): Promise<string | null> {
    return this.work(() => {
      const id = this.statement(`SELECT max(id) AS id FROM ${stream}`).get()?.['id'];
      return typeof id === 'number' ? String(id) : null;
    });
  }

  async read<S extends StreamName>(
    stream: S,
    after: string | null,
    limit: number,
  ): Promise<StreamPart<StreamEntries[S]>> {
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    return this.work(() => {
      const rows = this.statement(
        `SELECT id, record FROM ${stream} WHERE id > ? ORDER BY id LIMIT ${limit}`,
      ).all(Number(after ?? 0));
      const last = rows.at(-1)?.['id'];
      return {
        entries: rows.flatMap(({ id, record }) => {
          const entry = readable(form, String(record));
          return entry === null ? [] : [{ position: String(id), entry }];
        }),
        end: last === undefined ? after : String(last),
      };
    });
  }

  async query<S extends StreamName>(
    stream: S,
    filter: JournalFilter,
    cursor: string | null,
    limit: number,
  ): Promise<QueryPage<StreamEntries[S]>> {
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    return this.work(() => {
      const scans = scanWords(filter).map((word) =>
        this.scan(stream, form, filter, word, positionOf(cursor)),
      );
      return scanNewest(scans, limit);
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.giveUp();
  }

  /** Rows with one word in an indexed column, the newest first. */
  private *scan<Entry>(
    stream: StreamName,
    form: StreamForm<Entry>,
    filter: JournalFilter,
    { column, word }: ScanWord,
    from: Position | null,
  ): Scan<Entry> {
    const { since = Number.MIN_SAFE_INTEGER, until = Number.MAX_SAFE_INTEGER } = filter;
    const where = column === null ? '' : `${column} = ? AND `;
    const before = from ?? { at: Number.MAX_SAFE_INTEGER, id: 0 };
    const rows = this.statement(
      `SELECT id, at, kind, local, device, reason, record FROM ${stream} INDEXED BY ${stream}_${column ?? 'at'}
       WHERE ${where} at >= ? AND at <= ? AND (at, id) < (?, ?) ORDER BY at DESC, id DESC`,
    ).iterate(...(word === null ? [] : [word]), since, Math.min(until, before.at), before.at, before.id);
    for (const row of rows) {
      const position = { at: Number(row['at']), id: Number(row['id']) };
      yield { position, found: this.foundIn(row, form, filter) };
    }
  }

  /** Most rows are told apart by their columns, without reading the record. */
  private foundIn<Entry>(
    row: Readonly<Record<string, unknown>>,
    form: StreamForm<Entry>,
    filter: JournalFilter,
  ): Found<Entry> {
    const [device, reason] = [textOf(row['device']), textOf(row['reason'])];
    const { users: _users, by: _by, ...rest } = filter;
    const marks: Marks = {
      at: Number(row['at']),
      kind: String(row['kind']),
      user: null,
      device,
      reason,
      by: null,
    };
    if (!isWanted(marks, rest, this.names)) return 'other';
    const entry = readable(form, String(row['record']));
    if (entry === null) return 'unreadable';
    return isWanted(form.marks(entry), filter, this.names) ? { entry } : 'other';
  }

  private write<S extends StreamName>(stream: S, entries: readonly StreamEntries[S][]): void {
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    this.work(({ database }) => {
      database.exec('BEGIN IMMEDIATE');
      try {
        const insert = this.statement(
          `INSERT INTO ${stream} (at, kind, local, device, reason, record) VALUES (?, ?, ?, ?, ?, ?)`,
        );
        for (const one of entries) {
          const entry = form.bounded(one);
          const { at, kind, user, device, reason } = form.marks(entry);
          insert.run(Math.trunc(at), kind, localOf(user), device, reason, form.write(entry));
        }
        this.removeOld(stream, entries.length + REMOVED_AT_ONCE);
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  private removeOld(stream: StreamName, most: number): void {
    const { maxAgeMs, maxEntries } = this.options.retention[stream];
    this.statement(
      `DELETE FROM ${stream} WHERE id IN
         (SELECT id FROM ${stream} WHERE id <= (SELECT max(id) FROM ${stream}) - ? ORDER BY id LIMIT ${most})`,
    ).run(maxEntries);
    this.statement(
      `DELETE FROM ${stream} WHERE id IN
         (SELECT id FROM ${stream} INDEXED BY ${stream}_at WHERE at < ? ORDER BY at LIMIT ${most})`,
    ).run(Math.trunc(this.wall() - maxAgeMs));
  }

  private work<T>(work: (file: OpenFile) => T): T {
    try {
      return work(this.settle());
    } catch (error) {
      throw fileError(this.path, error, '');
    }
  }

  private settle(): OpenFile {
    if (this.closed) throw new Error(`${this.path}: closed`);
    if (this.file !== null) {
      const { watch } = this.file;
      if (watch?.isSame() ?? true) return this.file;
      watch?.setLogAside();
      this.giveUp();
    }
    this.file = this.open();
    return this.file;
  }

  private giveUp(): void {
    const { file } = this;
    this.file = null;
    if (file !== null) release(file.database, file.watch);
  }

  private open(): OpenFile {
    const { path } = this;
    if (path === IN_MEMORY) return { database: this.prepare(), watch: null, statements: new Map() };
    const isNew = prepareFile(path);
    if (isNew) createPrivately(path);
    const inode = inodeOf(path) ?? '';
    const database = this.prepare();
    narrow(path);
    if (isNew) giveToOwner(path);
    return { database, watch: new FileWatch(path, inode), statements: new Map() };
  }

  private prepare(): DatabaseSync {
    const database = new DatabaseSync(this.path, { timeout: this.options.busyMs });
    try {
      database.exec(PRAGMAS);
      database.exec('BEGIN IMMEDIATE');
      const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
      if (version > SCHEMA_VERSION)
        throw new Error(`${this.path}: schema version ${version} of the journal is not known here`);
      if (version === 0) database.exec(SCHEMA);
      database.exec('COMMIT');
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private statement(sql: string): StatementSync {
    const { database, statements } = this.file as OpenFile;
    let statement = statements.get(sql);
    if (statement === undefined) statements.set(sql, (statement = database.prepare(sql)));
    return statement;
  }
}

/** A column with an index, and the word wanted in it; null = the index by time. */
type ScanWord =
  | { readonly column: 'device' | 'local' | 'reason' | 'kind'; readonly word: string }
  | { readonly column: null; readonly word: null };

/** The column that tells most entries apart. */
function scanWords({ users, device, kinds, reasons }: JournalFilter): ScanWord[] {
  if (device !== undefined) return [{ column: 'device', word: device }];
  if (users !== undefined)
    return [...new Set(users.map(localOf))].map((local) => ({ column: 'local', word: local ?? '' }));
  if (reasons !== undefined) return [...new Set(reasons)].map((word) => ({ column: 'reason', word }));
  if (kinds !== undefined) return [...new Set(kinds)].map((word) => ({ column: 'kind', word }));
  return [{ column: null, word: null }];
}

/** A cursor that is not one of this store is the beginning. */
function positionOf(cursor: string | null): Position | null {
  const [, at, id] = /^(-?\d{1,16})-(\d{1,16})$/.exec(cursor ?? '') ?? [];
  return at === undefined ? null : { at: Number(at), id: Number(id) };
}

function readable<Entry>({ read }: StreamForm<Entry>, text: string): Entry | null {
  try {
    return read(text);
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
