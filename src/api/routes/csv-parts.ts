// Owns answers in CSV that are made of rows in memory.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { csvHeader, csvRows } from '../../app/csv.ts';
import type { CsvColumn } from '../../app/csv.ts';

/** Media type of CSV with a header (RFC 4180 3). */
export const CSV_TYPE = 'text/csv; charset=utf-8; header=present';
/** Rows that are written at once. */
const AT_ONCE = 500;

/** Rows as CSV, in parts, so that others are answered between two of them. */
export async function* csvParts<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: readonly Row[],
): AsyncGenerator<string> {
  yield csvHeader(columns);
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    yield csvRows(columns, rows.slice(at, at + AT_ONCE));
    await nextTurn();
  }
}
