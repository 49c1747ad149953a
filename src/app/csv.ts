// Owns CSV for people and spreadsheets: quoted where needed (RFC 4180), and no cell that a spreadsheet takes for a formula.

/**
 * What spreadsheets take for the beginning of a formula (OWASP, CSV injection): also behind spaces, in full width, and behind a `;`,
 * which separates cells where a comma is the decimal sign. Quotes do not help there: they are not at the beginning of the cell.
 */
const FORMULA = /(^|;)(?=["' ]*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** One column: its title, and the cell of a row; null = an empty one. */
export type CsvColumn<Row> = readonly [title: string, cell: (row: Row) => string | null];

/** Rows under a header. Control characters are left out. */
export function csvText<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  return csvHeader(columns) + csvRows(columns, rows);
}

/** The header alone: rows may follow in parts. */
export function csvHeader<Row>(columns: readonly CsvColumn<Row>[]): string {
  return csvLine(columns.map(([title]) => title));
}

/** Rows without a header. */
export function csvRows<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  return rows.map((row) => csvLine(columns.map(([, cell]) => cell(row)))).join('');
}

/** Rows of one part of {@link csvParts}. */
const ROWS_OF_PART = 500;

/** The header, then the rows in parts: other work can be done between two of them. */
export function* csvParts<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: Iterable<Row>,
): Generator<string, undefined> {
  yield csvHeader(columns);
  let part: Row[] = [];
  for (const row of rows) {
    part.push(row);
    if (part.length < ROWS_OF_PART) continue;
    yield csvRows(columns, part);
    part = [];
  }
  yield csvRows(columns, part);
}

function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map(cellText).join(',')}\r\n`;
}

function cellText(value: string | null): string {
  const text = (value ?? '').replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
  const safe = text.replaceAll(FORMULA, "$1'");
  return /[",]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}
