// Owns reading the read model: pages of filtered, sorted rows that go on from a cursor, counts.
import { DatabaseSync } from 'node:sqlite';
import type { UserNames } from '../../identity/user-names.ts';
import type { AccessState } from '../../model/access-state.ts';
import { PreparedStatements } from '../prepared-statements.ts';
import { MODEL_FIELDS } from './model-fields.ts';
import { FileWatch, inodeOf } from '../embedded/store-file.ts';
import { readState } from './model-file.ts';
import type { ModelState } from './model-file.ts';
import { conditionsOf } from './model-filter.ts';
import type { FilterSource, ModelFilter } from './model-filter.ts';
import { readPage, where } from './model-page.ts';
import type { PageCursor } from './model-page.ts';
import type { ModelRow } from './model-row.ts';
import { MODEL_VERSION, modelRow, stateAt } from './model-schema.ts';
import type { StoredRow, Value } from './model-schema.ts';
import { addModelFunctions } from './model-functions.ts';
import type { AttributeKind } from './model-words.ts';

/** A field that rows can be ordered by. */
export type ModelField = keyof typeof MODEL_FIELDS;

/** An order; rows that are equal in it are in the order of their ids. */
export interface ModelOrder {
  readonly field: ModelField;
  readonly descending: boolean;
}

/** A page of rows. */
export interface ModelPage {
  readonly rows: readonly ModelRow[];
  /** For the next page; null = this is the last one. */
  readonly next: PageCursor | null;
}

/** How many phones are in a state for a reason. */
export interface StateCount {
  readonly state: AccessState;
  /** Null = no verdict was given. */
  readonly reason: string | null;
  readonly phones: number;
}

/** Phones by how lately they were seen. */
export interface SeenCounts {
  readonly all: number;
  readonly lastDay: number;
  readonly lastWeek: number;
  readonly lastMonth: number;
}

/** A group of phones. */
export interface NamedCount {
  /** Null = those without a value. */
  readonly name: string | null;
  readonly phones: SeenCounts;
}

const BUSY_MS = 1_000;
/** Different queries that are kept prepared. */
const MAX_STATEMENTS = 200;
/** A file that is rebuilt takes the place of the one before. */
const OPEN_TRIES = 3;
const DAY_MS = 86_400_000;
const MAX_COUNTS = 100;
/** So much of the file is read through the memory of the system, without a call for each page: bytes. */
const MAPPED = 2 ** 31 - 1;

/** One connection; calls are answered at once and block their thread meanwhile. */
export class ModelReader {
  private readonly database: DatabaseSync;
  private readonly watch: FileWatch | null;
  private readonly statements = new PreparedStatements(MAX_STATEMENTS);
  /** What filters need of the database. */
  readonly source: FilterSource;

  /** `database`: with the tables of a model, which may be the writer's own one. */
  constructor(database: DatabaseSync, names: UserNames, watch: FileWatch | null = null) {
    this.database = database;
    this.watch = watch;
    addModelFunctions(database, names);
    this.source = {
      words: (kind) =>
        this.all('SELECT word FROM words WHERE kind = ?', [kind]).map((row) => String(row['word'])),
      hasMore: (table, { sql, values: of }, count) =>
        this.all(`SELECT 1 FROM ${table} WHERE ${sql} LIMIT 1 OFFSET ?`, [...of, count]).length > 0,
      phonesWith: (trigrams) =>
        new Map(
          this.all('SELECT trigram, phones FROM trigrams WHERE trigram IN (SELECT value FROM json_each(?))', [
            JSON.stringify(trigrams),
          ]).map((row) => [String(row['trigram']), Number(row['phones'])]),
        ),
    };
  }

  /** Opens the file that a control process keeps. Null = there is none that is whole and of this version. */
  static open(path: string, names: UserNames): ModelReader | null {
    for (let tries = 0; tries < OPEN_TRIES; tries++) {
      const inode = inodeOf(path);
      if (inode === null) return null;
      const database = openWhole(path);
      const watch = new FileWatch(path, inode);
      if (database !== null && watch.hasFile()) return new ModelReader(database, names, watch);
      database?.close();
      // Another file took its place meanwhile: what was opened may be a part of both.
      if (watch.hasFile()) return null;
    }
    return null;
  }

  /** Whether the path still leads to this file. */
  isSame(): boolean {
    return this.watch?.hasFile() ?? true;
  }

  state(): ModelState {
    return readState(this.database);
  }

  /** A page of at most `limit` rows behind a cursor; null = from the start. `order`: at least one field. */
  page(
    filter: ModelFilter,
    order: readonly ModelOrder[],
    limit: number,
    after: PageCursor | null = null,
  ): ModelPage {
    const [first] = order;
    const orderColumn = order.length === 1 && first !== undefined ? MODEL_FIELDS[first.field] : null;
    const { rows, next } = readPage((sql, values) => this.all(sql, values), {
      from: 'phones',
      conditions: conditionsOf(filter, this.source, orderColumn),
      keys: order.map(({ field, descending }) => ({ column: MODEL_FIELDS[field], descending })),
      limit,
      after,
    });
    return { rows: rows.map(modelRow), next };
  }

  /** How many rows match, by how lately they were seen. `now`: milliseconds since the epoch. */
  count(filter: ModelFilter, now: number): SeenCounts {
    const { sql, values } = where(conditionsOf(filter, this.source));
    const [row] = this.all(`SELECT ${COUNTS} FROM phones${sql}`, [...since(now), ...values]);
    return countsIn(row ?? {});
  }

  /** Rows that match by the values of a column, the most first; 100 at most. `groups`: each group of a user counts. */
  countBy(kind: 'reason' | 'model' | 'groups', filter: ModelFilter, now: number): NamedCount[] {
    const { sql, values } = where(conditionsOf(filter, this.source));
    const each = kind === 'groups' ? " LEFT JOIN json_each(ifnull(user_groups, '[]')) AS one ON TRUE" : '';
    const rows = this.all(
      `SELECT ${kind === 'groups' ? 'one.value' : kind} AS name, ${COUNTS}
       FROM (SELECT reason, model, user_groups, last_seen FROM phones${sql})${each}
       GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${MAX_COUNTS}`,
      [...since(now), ...values],
    );
    return rows.map((row) => ({
      name: typeof row['name'] === 'string' ? row['name'] : null,
      phones: countsIn(row),
    }));
  }

  /** Up to `count` groups that users are in, in lower case, behind `after` in their order; '' = from the first. */
  groupsAfter(after: string, count: number): string[] {
    const groups: string[] = [];
    let last: unknown = after;
    while (groups.length < count) {
      last = this.all('SELECT min(name) AS name FROM group_lists WHERE name > ?', [String(last)])[0]?.[
        'name'
      ];
      if (typeof last !== 'string') break;
      const sql = 'SELECT 1 FROM group_lists JOIN people ON user_groups = list WHERE name = ? LIMIT 1';
      if (this.all(sql, [last]).length > 0) groups.push(last);
    }
    return groups;
  }

  /** Names of the attributes that were ever reported of devices, or of users, in lower case. */
  attributeNames(kind: AttributeKind): readonly string[] {
    return this.source.words(kind);
  }

  /** Phones by state and reason. */
  stateCounts(): StateCount[] {
    return this.all(
      'SELECT state, reason, phones FROM state_counts WHERE phones > 0 ORDER BY state, reason',
    ).map((row) => ({
      state: stateAt(Number(row['state'])),
      reason: row['reason'] === '' ? null : String(row['reason']),
      phones: Number(row['phones']),
    }));
  }

  /** Phones that no feed reports, by state. */
  unreported(): ReadonlyMap<AccessState, number> {
    const sql = 'SELECT state, count(*) AS number FROM phones WHERE reported = 0 GROUP BY state';
    return new Map(this.all(sql).map((row) => [stateAt(Number(row['state'])), Number(row['number'])]));
  }

  /** Rows of a query of this folder's own. */
  all(sql: string, values: readonly Value[] = []): StoredRow[] {
    return this.statements.get(this.database, sql).all(...values);
  }

  /** SQLite removes the log of the last connection that is closed, by its name; but not for one that only reads. */
  close(): void {
    this.database.close();
  }
}

function openWhole(path: string): DatabaseSync | null {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true });
    const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
    if (version === MODEL_VERSION && readState(database).complete) {
      database.exec(`PRAGMA mmap_size = ${MAPPED}`);
      return database;
    }
  } catch {
    // Broken, or being built.
  }
  database?.close();
  return null;
}

const COUNTS =
  'count(*) AS every, count(*) FILTER (WHERE last_seen >= ?) AS day, count(*) FILTER (WHERE last_seen >= ?) AS week, ' +
  'count(*) FILTER (WHERE last_seen >= ?) AS month';

function since(now: number): number[] {
  return [now - DAY_MS, now - 7 * DAY_MS, now - 30 * DAY_MS];
}

function countsIn(row: StoredRow): SeenCounts {
  return {
    all: Number(row['every'] ?? 0),
    lastDay: Number(row['day'] ?? 0),
    lastWeek: Number(row['week'] ?? 0),
    lastMonth: Number(row['month'] ?? 0),
  };
}
