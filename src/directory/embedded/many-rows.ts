// Owns statements that read or write many rows at once: each call of a statement costs as much as a row.
import type { GuardedDatabase } from './guarded-database.ts';

/** Rows of one call; the rest goes one by one, so that two statements are prepared of each. */
const ROWS = 32;

/** The same statement for one row and for many. */
export interface ManyRows {
  readonly one: string;
  readonly many: string;
  /** Values of a row. */
  readonly width: number;
}

/** `sql` makes the statement of the places for the rows: `(?, ?), (?, ?)`. */
export function manyRows(width: number, sql: (rows: string) => string): ManyRows {
  const row = `(${Array(width).fill('?').join(', ')})`;
  return { width, one: sql(row), many: sql(Array(ROWS).fill(row).join(', ')) };
}

/** `sql` makes the statement of the places for the values of a list: `(?, ?)`. */
export function manyValues(sql: (list: string) => string): ManyRows {
  return { width: 1, one: sql('(?)'), many: sql(`(${Array(ROWS).fill('?').join(', ')})`) };
}

type Value = string | number | null;

/** A row as an array: a look-up reads several tables by one statement, which is faster than one for each. */
export type Values = readonly Value[];

/** Writes rows, whose values stand one behind the other. Use within a write transaction. */
export function writeRows(
  database: GuardedDatabase,
  { one, many, width }: ManyRows,
  values: readonly Value[],
): void {
  for (const part of parts(values, width))
    database.statement(part.length === width ? one : many).run(...part);
}

/** Reads the rows for these values. Use within a transaction. */
export function readRows(
  database: GuardedDatabase,
  { one, many, width }: ManyRows,
  values: readonly Value[],
): readonly Values[] {
  const rows: unknown[] = [];
  for (const part of parts(values, width))
    rows.push(...database.arrayStatement(part.length === width ? one : many).all(...part));
  return checkedRows(rows);
}

function* parts(values: readonly Value[], width: number): Generator<readonly Value[]> {
  const size = ROWS * width;
  let at = 0;
  for (; at + size <= values.length; at += size) yield values.slice(at, at + size);
  for (; at < values.length; at += width) yield values.slice(at, at + width);
}

/** The types of Node.js lack the form of rows after setReturnArrays. */
export function checkedRows(rows: readonly unknown[]): readonly Values[] {
  if (!rows.every(isValues)) throw new TypeError('node:sqlite returned a row that is no array');
  return rows;
}

function isValues(row: unknown): row is Values {
  return Array.isArray(row);
}
