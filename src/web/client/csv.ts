// Owns CSV that the browser makes itself. The rules are those of the API's files. Pure.

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
