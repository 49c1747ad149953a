// Owns answers in CSV that are made of rows in memory.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { csvParts } from '../../app/csv.ts';
import type { CsvColumn } from '../../app/csv.ts';

/** Media type of CSV with a header (RFC 4180 3). */
export const CSV_TYPE = 'text/csv; charset=utf-8; header=present';

/** Rows as CSV, in parts, so that others are answered between two of them. */
export async function* csvInTurns<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: readonly Row[],
): AsyncGenerator<string> {
  for (const part of csvParts(columns, rows)) {
    yield part;
    await nextTurn();
  }
}
