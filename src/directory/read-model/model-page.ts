// Owns pages of the read model's queries: rows in an order of fields that go on from a cursor, without counting those before.
import type { StoredRow, Value } from './model-schema.ts';

/** A condition and the values of its placeholders. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** One column of an order. */
export interface PageKey {
  readonly column: string;
  readonly descending: boolean;
}

/** Where a page ended: the values and the id of its last row. The value null is last in both directions. */
export interface PageCursor {
  readonly values: readonly Value[];
  readonly id: number | string;
}

/** What is asked for. The rows of `from` have a unique `id`, which decides between equal ones. */
export interface PageQuestion {
  /** What stands between FROM and WHERE. */
  readonly from: string;
  readonly conditions: readonly Condition[];
  /** At least one. */
  readonly keys: readonly PageKey[];
  readonly limit: number;
  /** Null = from the start. */
  readonly after: PageCursor | null;
}

/** Reads rows of a query. */
export type ReadRows = (sql: string, values: readonly Value[]) => StoredRow[];

/** The rows of a page, and where the next one begins; null = this is the last one. */
export interface RawPage {
  readonly rows: readonly StoredRow[];
  readonly next: PageCursor | null;
}

/** Reads one page. An order of one column reads along its index. */
export function readPage(read: ReadRows, question: PageQuestion): RawPage {
  const { keys, limit } = question;
  const rows = keys.length === 1 ? alongIndex(read, question) : sorted(read, question);
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return {
    rows: rows.slice(0, limit),
    next:
      last === undefined
        ? null
        : {
            values: keys.map(({ column }) => last[column] as Value),
            id: last['id'] as number | string,
          },
  };
}

/** Rows with a value first; then those without, by their ids alone. */
function alongIndex(read: ReadRows, { from, conditions, keys, limit, after }: PageQuestion): StoredRow[] {
  const [{ column, descending } = { column: 'id', descending: false }] = keys;
  const [than, direction] = descending ? ['<', 'DESC'] : ['>', 'ASC'];
  if (column === 'id') {
    const start = after === null ? [] : [{ sql: `id ${than} ?`, values: [after.id] }];
    const { sql, values } = where([...conditions, ...start]);
    return read(`SELECT * FROM ${from}${sql} ORDER BY id ${direction} LIMIT ?`, [...values, limit + 1]);
  }
  const [value = null] = after?.values ?? [];
  const rows: StoredRow[] = [];
  const select = (more: readonly Condition[], orderBy: string): void => {
    const { sql, values } = where([...conditions, ...more]);
    const text = `SELECT * FROM ${from}${sql} ORDER BY ${orderBy} LIMIT ?`;
    rows.push(...read(text, [...values, limit + 1 - rows.length]));
  };
  if (after === null || value !== null) {
    const start =
      after === null ? [] : [{ sql: `(${column}, id) ${than} (?, ?)`, values: [value, after.id] }];
    select(
      [{ sql: `${column} IS NOT NULL`, values: [] }, ...start],
      `${column} ${direction}, id ${direction}`,
    );
  }
  if (rows.length <= limit) {
    const start = after === null || value !== null ? [] : [{ sql: `id ${than} ?`, values: [after.id] }];
    select([{ sql: `${column} IS NULL`, values: [] }, ...start], `id ${direction}`);
  }
  return rows;
}

/** Sorts all rows that match: for orders of several columns. */
function sorted(read: ReadRows, { from, conditions, keys, limit, after }: PageQuestion): StoredRow[] {
  const start = after === null ? [] : [behind(keys, after)];
  const { sql, values } = where([...conditions, ...start]);
  const order = keys.map(
    ({ column, descending }) => `${column} IS NULL, ${column}${descending ? ' DESC' : ''}`,
  );
  return read(`SELECT * FROM ${from}${sql} ORDER BY ${order.join(', ')}, id LIMIT ?`, [...values, limit + 1]);
}

/** Rows that stand behind a cursor: those that are equal up to some column, and behind in that one. */
function behind(keys: readonly PageKey[], { values, id }: PageCursor): Condition {
  const found: Condition[] = [];
  const equal: Condition[] = [];
  for (const [place, { column, descending }] of keys.entries()) {
    const value = values[place] ?? null;
    if (value !== null)
      found.push(
        all([
          ...equal,
          { sql: `(${column} ${descending ? '<' : '>'} ? OR ${column} IS NULL)`, values: [value] },
        ]),
      );
    equal.push({ sql: `${column} IS ?`, values: [value] });
  }
  found.push(all([...equal, { sql: 'id > ?', values: [id] }]));
  return {
    sql: `(${found.map(({ sql }) => sql).join(' OR ')})`,
    values: found.flatMap((one) => one.values),
  };
}

function all(conditions: readonly Condition[]): Condition {
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(' AND ')})`,
    values: conditions.flatMap(({ values }) => values),
  };
}

/** ` WHERE …` with all conditions; nothing without any. */
export function where(conditions: readonly Condition[]): Condition {
  if (conditions.length === 0) return { sql: '', values: [] };
  return {
    sql: ` WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`,
    values: conditions.flatMap(({ values }) => values),
  };
}
