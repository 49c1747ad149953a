// Owns plain-text tables: aligned columns that fit the terminal. In a pipe or a file no text is cut.
import { printable, toned } from './output.ts';
import type { Tone } from './output.ts';

/** One cell: a text, or a text with a tone. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Cell;
  /** Narrowest useful width, in characters; absent = it is never cut, as ids must not be. */
  readonly min?: number;
  /** Columns with this number may be omitted, the highest first; absent = never omitted. */
  readonly spare?: number;
}

/** A table, and the titles of omitted columns. */
export interface FittedTable {
  readonly text: string;
  readonly hidden: readonly string[];
}

const GAP = '  ';
/** Characters of two cells: East Asian letters, full-width forms, most emoji (Unicode TR 11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Characters without a cell of their own. */
const COMBINING = /\p{Mn}|\p{Me}/u;

/** Rows under a header. `width` in characters; null = unlimited. */
export function fitTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | null,
): FittedTable {
  const cells = columns.map(({ cell }) => rows.map((row) => cell(row)));
  const natural = columns.map(({ title }, index) =>
    (cells[index] ?? []).reduce((most, cell) => Math.max(most, widthOf(textOf(cell))), widthOf(title)),
  );
  const { shown, widths } = fit(columns, natural, width ?? Infinity);
  const line = (cellOf: (index: number) => Cell): string =>
    shown
      .map((index, place) => padded(cellOf(index), widths[index] ?? 0, place === shown.length - 1))
      .join(GAP)
      .trimEnd();
  const header = line((index) => ({ text: columns[index]?.title ?? '', tone: 'heading' }));
  const lines = rows.map((_, row) => line((index) => cells[index]?.[row] ?? ''));
  return {
    text: `${[header, ...lines].join('\n')}\n`,
    hidden: columns.filter((_, index) => !shown.includes(index)).map(({ title }) => title),
  };
}

/** Width of the terminal; null = standard output is not a terminal. */
export function terminalWidth(): number | null {
  return process.stdout.isTTY ? process.stdout.columns : null;
}

/** Rows under a header, without a width limit. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const columns = header.map((title, index) => ({ title, cell: (row: readonly Cell[]) => row[index] ?? '' }));
  return fitTable(columns, rows, null).text;
}

/** Omits columns until the minimum widths fit, then distributes the remaining width to the columns that are cut. */
function fit(
  columns: readonly { readonly min?: number; readonly spare?: number }[],
  natural: readonly number[],
  width: number,
): { readonly shown: readonly number[]; readonly widths: readonly number[] } {
  const least = columns.map(({ min }, index) => Math.min(natural[index] ?? 0, min ?? Infinity));
  let shown = columns.map((_, index) => index);
  while (total(shown, least) > width) {
    const spare = shown
      .filter((index) => columns[index]?.spare !== undefined)
      .sort((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0))[0];
    if (spare === undefined) break;
    shown = shown.filter((index) => index !== spare);
  }
  const widths = [...natural];
  // The widest column is cut first, by one character per round.
  while (total(shown, widths) > width) {
    const widest = shown
      .filter((index) => (widths[index] ?? 0) > (least[index] ?? 0))
      .sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return { shown, widths };
}

/** Length of one line, in characters. */
function total(shown: readonly number[], widths: readonly number[]): number {
  return shown.reduce((sum, index) => sum + (widths[index] ?? 0), GAP.length * (shown.length - 1));
}

/** One line: a line end in a name would look like a row. */
function textOf(cell: Cell): string {
  return printable(typeof cell === 'string' ? cell : cell.text);
}

function padded(cell: Cell, width: number, last: boolean): string {
  const text = cut(textOf(cell), width);
  const styled = typeof cell === 'string' || text === '' ? text : toned(cell.tone, text);
  return last ? styled : styled + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Number of terminal cells of a text. */
export function widthOf(text: string): number {
  let width = 0;
  for (const letter of text) width += COMBINING.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return width;
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let [kept, used] = ['', 0];
  for (const letter of text) {
    used += widthOf(letter);
    if (used > width - 1) break;
    kept += letter;
  }
  return `${kept}…`;
}
