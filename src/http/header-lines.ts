// Owns header lines as text, each `Name: value\r\n`: finding a value, leaving lines out. Pure.

/** The value of the first header line with this lower-case name; null = none. */
export function headerValue(lines: string, name: string): string | null {
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return null;
}

/** The header lines whose lower-case names are not in `names`. */
export function withoutHeaders(lines: string, names: readonly string[]): string {
  return filterHeaders(lines, names, false);
}

/** The header lines whose lower-case names are in `names`. */
export function withHeaders(lines: string, names: readonly string[]): string {
  return filterHeaders(lines, names, true);
}

function filterHeaders(lines: string, names: readonly string[], listed: boolean): string {
  let kept = '';
  for (const line of lines.split('\r\n')) {
    if (line === '') continue;
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (names.includes(name) === listed) kept += line + '\r\n';
  }
  return kept;
}
