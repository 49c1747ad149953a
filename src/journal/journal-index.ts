// Owns the index of a journal in Redis: a SQLite file with what entries are found by, and their positions in the streams. It has no
// entry of its own, so that the retention of the streams is its retention. A cache: it may be deleted, and is made anew: the rows first,
// then the indices of SQLite.
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { FileWatch, createPrivately, inodeOf, narrow, release } from '../directory/embedded/store-file.ts';
import { PreparedStatements } from '../directory/prepared-statements.ts';
import type { JournalFilter, StreamName } from './journal-store.ts';
import { comparePositions, partsOf, positionOf } from './stream-position.ts';
import { localOf } from './stream-forms.ts';
import type { Marks } from './stream-forms.ts';

/** `PRAGMA user_version` of a file with these tables. */
const VERSION = 3;
const MAX_STATEMENTS = 100;
const STREAMS: readonly StreamName[] = ['journal', 'audit'];
const BUSY_MS = 2_000;
const PRAGMAS =
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;';

/** What a stream is found by, the column that tells most entries apart first. */
const COLUMNS = ['device', 'local', 'reason', 'kind'] as const;

/**
 * Ids follow the positions without a gap: SQLite appends them to each index, so that every index is in the order of positions, and a position
 * is found by halving.
 */
function tableOf(stream: StreamName): string {
  return `
    CREATE TABLE ${stream} (id INTEGER PRIMARY KEY, ms INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
      kind INTEGER NOT NULL, reason INTEGER, local TEXT, device TEXT);`;
}

function indexOf(stream: StreamName, column: (typeof COLUMNS)[number]): string {
  return `CREATE INDEX IF NOT EXISTS ${stream}_${column} ON ${stream} (${column}) WHERE ${column} IS NOT NULL`;
}

/** `complete` 1 = the stream has its indices: until then it is loaded, and nobody looks into it. */
const SCHEMA = `
  ${STREAMS.map(tableOf).join('')}
  CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
  CREATE TABLE ends (stream TEXT PRIMARY KEY, position TEXT NOT NULL, complete INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${VERSION};`;

/** An entry as it is indexed. */
export interface IndexedEntry {
  readonly position: string;
  readonly marks: Marks;
}

/** What a look into the index found. */
export interface IndexedPositions {
  /** The newest first. */
  readonly positions: readonly string[];
  /** All entries down to here were looked at; null = there are no older ones. */
  readonly next: string | null;
}

/** Rows removed in one transaction. */
const REMOVED_AT_ONCE = 5_000;
/** Most rows that are looked at for one page. */
const MAX_EXAMINED = 20_000;

/** One open file. */
export class JournalIndex {
  private readonly database: DatabaseSync;
  private readonly watch: FileWatch;
  private readonly isReader: boolean;
  private readonly statements = new PreparedStatements(MAX_STATEMENTS);
  private readonly ids = new Map<string, number>();

  private constructor(database: DatabaseSync, watch: FileWatch, isReader: boolean) {
    this.database = database;
    this.watch = watch;
    this.isReader = isReader;
  }

  /** Opens the file to write it; makes it anew where it is broken or of another version. @throws when it cannot be written */
  static open(path: string): JournalIndex {
    return JournalIndex.openFile(path, false) ?? JournalIndex.makeFile(path);
  }

  /** Opens the file to read it. Null = there is none of this version. */
  static openToRead(path: string): JournalIndex | null {
    return JournalIndex.openFile(path, true);
  }

  /** Null = there is none, or none that can be used. */
  private static openFile(path: string, readOnly: boolean): JournalIndex | null {
    const inode = inodeOf(path);
    if (inode === null) return null;
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly });
      if (database.prepare('PRAGMA user_version').get()?.['user_version'] === VERSION) {
        if (!readOnly) database.exec(PRAGMAS);
        return new JournalIndex(database, new FileWatch(path, inode), readOnly);
      }
    } catch {
      // Broken, or being made.
    }
    database?.close();
    return null;
  }

  private static makeFile(path: string): JournalIndex {
    for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name, { force: true });
    createPrivately(path);
    const database = new DatabaseSync(path, { timeout: BUSY_MS });
    try {
      database.exec(PRAGMAS);
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    } catch (error) {
      database.close();
      throw error;
    }
    narrow(path);
    return new JournalIndex(database, new FileWatch(path, inodeOf(path) ?? ''), false);
  }

  /** Whether the path still leads to this file. */
  isSame(): boolean {
    return this.isReader ? this.watch.hasFile() : this.watch.isSame();
  }

  /** The position of the last entry of a stream that is indexed, or was not understood; null = none is, or the stream is being loaded. */
  end(stream: StreamName): string | null {
    const row = this.endRow(stream);
    return row?.['complete'] === 1 ? String(row['position']) : null;
  }

  /** Likewise, of a stream that is being loaded, too: where its reader goes on. */
  loadedEnd(stream: StreamName): string | null {
    const row = this.endRow(stream);
    return row === undefined ? null : String(row['position']);
  }

  /**
   * Makes the indices of a stream that was loaded, one at a time: many rows are sorted once, where each of them would change pages all over
   * an index. To be called until it returns true.
   */
  complete(stream: StreamName): boolean {
    if (this.endRow(stream)?.['complete'] === 1) return true;
    const column = COLUMNS.find((one) => !this.hasIndex(`${stream}_${one}`));
    if (column !== undefined) {
      this.database.exec(indexOf(stream, column));
      return false;
    }
    this.statement('UPDATE ends SET complete = 1 WHERE stream = ?').run(stream);
    return true;
  }

  /** Adds the entries behind those that it has, up to `end`. */
  append(stream: StreamName, entries: readonly IndexedEntry[], end: string): void {
    this.write(() => {
      const insert = this.statement(
        `INSERT INTO ${stream} (ms, seq, at, kind, reason, local, device) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      );
      for (const { position, marks } of entries) {
        const { at, kind, user, device, reason } = marks;
        const [ms, seq] = partsOf(position);
        insert.run(ms, seq, Math.trunc(at), this.idOf(kind), this.idOf(reason), localOf(user), device);
      }
      this.statement(
        'INSERT INTO ends VALUES (?1, ?2, 0) ON CONFLICT (stream) DO UPDATE SET position = ?2',
      ).run(stream, end);
    });
  }

  /** Removes entries that stand before a position, some at a time. Returns whether there may be more. */
  trim(stream: StreamName, first: string): boolean {
    const { low, high } = this.range(stream);
    if (low > high) return false;
    const bound = Math.min(this.idAfter(stream, first), low + REMOVED_AT_ONCE);
    if (bound > low) this.write(() => this.statement(`DELETE FROM ${stream} WHERE id < ?`).run(bound));
    return bound === low + REMOVED_AT_ONCE;
  }

  /** Forgets a stream. */
  clear(stream: StreamName): void {
    this.statements.clear();
    this.write(() => {
      this.database.exec(`DROP TABLE ${stream}; ${tableOf(stream)}`);
      this.statement('DELETE FROM ends WHERE stream = ?').run(stream);
    });
  }

  /** Positions of entries that may be wanted, older than `before`; null = from the newest. `sinceMs`: none that was written before. */
  find(
    stream: StreamName,
    filter: JournalFilter,
    before: string | null,
    sinceMs: number,
    limit: number,
  ): IndexedPositions {
    // One state of the file: the stream may be loaded anew just now.
    this.database.exec('BEGIN');
    try {
      if (this.end(stream) === null) return { positions: [], next: null };
      return this.findIn(stream, filter, before, sinceMs, limit);
    } finally {
      this.database.exec('COMMIT');
    }
  }

  private findIn(
    stream: StreamName,
    filter: JournalFilter,
    before: string | null,
    sinceMs: number,
    limit: number,
  ): IndexedPositions {
    const { low, high } = this.range(stream);
    const from = before === null ? high : this.idAfter(stream, before) - 1;
    const to = Math.max(low, this.idAfter(stream, `${Math.max(0, Math.floor(sinceMs))}-0`));
    const positions: { readonly id: number; readonly position: string }[] = [];
    let stop = 0;
    for (const { sql, values } of this.scansOf(stream, filter)) {
      let [examined, kept] = [0, 0];
      for (const row of this.statement(sql).iterate(...values, from, to)) {
        const id = Number(row['id']);
        const at = Number(row['at']);
        if (at >= (filter.since ?? -Infinity) && at <= (filter.until ?? Infinity)) {
          positions.push({ id, position: positionOf(Number(row['ms']), Number(row['seq'])) });
          kept++;
        }
        if (kept < limit && ++examined < MAX_EXAMINED) continue;
        stop = Math.max(stop, id);
        break;
      }
    }
    positions.sort((a, b) => b.id - a.id);
    const reached = positions.filter(({ id }) => id >= stop);
    const page = reached.slice(0, limit);
    const last = page.length < reached.length ? (page.at(-1)?.id ?? stop) : stop;
    return {
      positions: page.map(({ position }) => position),
      next: last === 0 ? null : this.positionAt(stream, last),
    };
  }

  close(): void {
    // SQLite removes the log of the last connection that is closed, by its name; but not for one that only reads.
    if (this.isReader) this.database.close();
    else release(this.database, this.watch);
  }

  /** The columns that are compared; the one that tells most entries apart is the index. */
  private scansOf(
    stream: StreamName,
    { users, device, kinds, reasons }: JournalFilter,
  ): { readonly sql: string; readonly values: readonly (string | number)[] }[] {
    const wanted: readonly (readonly [column: string, words: readonly (string | number)[] | undefined])[] = [
      ['device', device === undefined ? undefined : [device]],
      ['local', users?.map((user) => localOf(user) ?? '')],
      ['reason', reasons?.map((word) => this.knownId(word))],
      ['kind', kinds?.map((word) => this.knownId(word))],
    ];
    const columns = wanted.flatMap(([column, words]) =>
      words === undefined ? [] : { column, words: [...new Set(words)] },
    );
    const [by, ...others] = columns;
    if (by === undefined) return [];
    const more = others.map(({ column, words }) => ` AND ${column} IN (${words.map(() => '?').join(', ')})`);
    return by.words.map((word) => ({
      sql: `SELECT id, ms, seq, at FROM ${stream} INDEXED BY ${stream}_${by.column}
            WHERE ${by.column} = ?${more.join('')} AND id <= ? AND id >= ? ORDER BY id DESC`,
      values: [word, ...others.flatMap(({ words }) => words)],
    }));
  }

  private endRow(stream: StreamName): ReturnType<StatementSync['get']> {
    return this.statement('SELECT position, complete FROM ends WHERE stream = ?').get(stream);
  }

  private hasIndex(name: string): boolean {
    return (
      this.statement("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?").get(name) !== undefined
    );
  }

  private range(stream: StreamName): { readonly low: number; readonly high: number } {
    const low = this.statement(`SELECT min(id) AS id FROM ${stream}`).get()?.['id'];
    const high = this.statement(`SELECT max(id) AS id FROM ${stream}`).get()?.['id'];
    return { low: Number(low ?? 1), high: Number(high ?? 0) };
  }

  /** The first id at or behind a position; behind the last one, where there is none. */
  private idAfter(stream: StreamName, position: string): number {
    let { low, high } = this.range(stream);
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      if (comparePositions(this.positionAt(stream, middle), position) < 0) low = middle + 1;
      else high = middle - 1;
    }
    return low;
  }

  private positionAt(stream: StreamName, id: number): string {
    const row = this.statement(`SELECT ms, seq FROM ${stream} WHERE id = ?`).get(id);
    return positionOf(Number(row?.['ms'] ?? 0), Number(row?.['seq'] ?? 0));
  }

  /** The number of a word, which is made where it has none. */
  private idOf(word: string | null): number | null {
    if (word === null) return null;
    const known = this.ids.get(word);
    if (known !== undefined) return known;
    this.statement('INSERT OR IGNORE INTO words (word) VALUES (?)').run(word);
    const id = this.knownId(word);
    if (this.ids.size < MAX_WORDS) this.ids.set(word, id);
    return id;
  }

  /** 0 = no entry has it. */
  private knownId(word: string): number {
    return Number(this.statement('SELECT id FROM words WHERE word = ?').get(word)?.['id'] ?? 0);
  }

  private write(work: () => void): void {
    this.database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.database.exec('COMMIT');
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      this.ids.clear();
      throw error;
    }
  }

  private statement(sql: string): StatementSync {
    return this.statements.get(this.database, sql);
  }
}

const MAX_WORDS = 1_000;
