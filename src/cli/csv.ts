// Owns CSV for people and spreadsheets: quoted where needed (RFC 4180), and no cell that a spreadsheet takes for a formula.

/** What spreadsheets take for the beginning of a formula (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** Rows under a header. Control characters are left out; null = an empty cell. */
export function csvText<Row>(
  columns: readonly (readonly [title: string, cell: (row: Row) => string | null])[],
  rows: readonly Row[],
): string {
  const lines = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  return lines.map((cells) => `${cells.map(cellText).join(',')}\r\n`).join('');
}

function cellText(value: string | null): string {
  const text = (value ?? '').replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}
