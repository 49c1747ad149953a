// Owns files that the browser makes itself: CSV of rows that no route of the API has. The rules are those of the API's files.

/** What spreadsheets take for the beginning of a formula (OWASP, CSV injection), also behind a `;`: see src/app/csv.ts. */
const FORMULA = /(^|;)(?=["' ]*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

function cellText(value: string): string {
  const text = value.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
  const safe = text.replaceAll(FORMULA, "$1'");
  return /[",]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Rows as CSV (RFC 4180). The first row has the titles. */
export function csvOf(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('');
}

/** Offers rows as a file. */
export function saveCsv(name: string, rows: readonly (readonly string[])[]): void {
  const url = URL.createObjectURL(new Blob([csvOf(rows)], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
