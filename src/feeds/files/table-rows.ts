// Owns the rows of a table: which of its lines are headers, titles and sums, and which rows have the cells of their columns. Pure.
import { bestMapping, isKnownName } from '../formats.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping } from '../mapping.ts';
import * as intune from '../mappings/intune-columns.ts';
import { inEnglish } from '../own-languages.ts';
import { Columns, TableRow, fieldName, wordOf } from '../row.ts';
import type { Row } from '../row.ts';
import { COMPLIANCE, MANAGEMENT } from '../words.ts';
import { csvRecords } from './csv.ts';
import type { FileKind } from './sniff.ts';

/** A record that is not read. */
export interface Unread {
  readonly line: number;
  readonly reason: string;
  /** The file ends in the middle of it, or what is behind it is not read. */
  readonly isCutOff: boolean;
}

type TableKind = FileKind & { readonly container: 'table' };

/** Rows below the header. Of what stands in front of it, `#TYPE` lines and titles are left out, and rows of another table refused. */
export async function* tableRows(text: AsyncIterable<string>, kind: TableKind): AsyncGenerator<Row | Unread> {
  let columns: Columns | null = null;
  /** Why rows are not read: which columns they have is not known. */
  let doubt: string | null = null;
  for await (const { line, cells, reason, isUnended: isCutOff = false } of csvRecords(text, kind)) {
    if (line < kind.headerLine) {
      if (isOfOtherTable(cells)) yield { line, reason: OTHER_TABLE, isCutOff: false };
      continue;
    }
    if (cells === null) {
      yield { line, reason, isCutOff };
      continue;
    }
    // Spreadsheets write empty rows as delimiters alone.
    if (cells.every((cell) => cell.trim() === '')) continue;
    // The row may be a header: another one, with the columns in another order, may follow the first.
    const names: readonly string[] =
      kind.isTranslated && mayBeHeader(cells, columns) ? cells.map(inEnglish) : cells;
    const rowKind = columns === null ? 'header' : kindOfRow(names, columns, kind);
    // Exports that were put into one file: each begins with its type and header again.
    if (isTypeLine(cells)) columns = null;
    else if (columns === null || rowKind === 'header') [columns, doubt] = [new Columns(names), null];
    else if (doubt !== null || rowKind === 'doubtful') {
      doubt ??= `the row on line ${line} may be a header with other columns: put the tables into two files`;
      yield { line, reason: doubt, isCutOff: false };
    } else if (isOfSums(cells)) yield { line, reason: 'the row is one of totals', isCutOff: false };
    else if (isWhole(cells, columns, kind.spare)) yield new TableRow(line, columns, cells);
    else {
      const end = cells.length < columns.count ? ' (is the file cut off?)' : '';
      yield {
        line,
        reason: `the row has ${cells.length} cells, the header ${columns.count}${end}`,
        isCutOff: isCutOff && end !== '',
      };
    }
  }
}

/** Whether a row of a table in another language may be a header: its first cell is the name of a column. */
function mayBeHeader([first = '']: readonly string[], above: Columns | null): boolean {
  return above === null || isName(first);
}

function isName(cell: string): boolean {
  return cell.length <= LONGEST_NAME && (inEnglish(cell) !== cell || isKnownName(fieldName(cell)));
}

const LONGEST_NAME = 60;

const OTHER_TABLE = 'the row stands above the header: put the tables into two files';
/** A title has one cell, or a name and a value. */
const CELLS_OF_TITLE = 2;

/** Whether a row above the header is no title or remark, but of another table. */
function isOfOtherTable(cells: readonly string[] | null): boolean {
  if (cells === null || cells[0]?.startsWith('#') === true) return false;
  return cells.filter((cell) => cell.trim() !== '').length > CELLS_OF_TITLE;
}

/** `#TYPE Selected.System.…` of Export-Csv stands alone in its line. A phone may be named so, but its row has more. */
function isTypeLine([first = '', ...others]: readonly string[]): boolean {
  return first.startsWith('#TYPE') && others.every((cell) => cell.trim() === '');
}

/**
 * Files that were put into one: a header again, maybe with other columns or in another order. A phone chooses most values of its row in an
 * export of Exchange: if names of columns among them made a header of it, the rows below would be read by columns of its choice. So a row
 * with as many cells as the header above is one only if each is a name, and each another one. `doubtful`: it may be either.
 */
function kindOfRow(
  cells: readonly string[],
  columns: Columns,
  { mapping, spare }: TableKind,
): 'row' | 'header' | 'doubtful' {
  const isOfWidth = isWhole(cells, columns, spare);
  const other = otherHeader(cells, columns, mapping);
  // A row of another width is no device: if it is no header either, it is refused.
  if (other !== null && !isOfWidth) return other;
  if (!columns.isName(cells[0] ?? '')) {
    if (other === 'header') return CHOSEN_BY_PHONES.has(mapping.format) ? 'doubtful' : other;
    return other !== null || isHeaderOfOthers(cells) ? 'doubtful' : 'row';
  }
  if (cells.length === columns.count && cells.every((cell, place) => cell === columns.written[place]))
    return 'header';
  const written = cells.filter((cell) => cell.trim() !== '');
  const others = written.filter((cell) => !columns.isName(cell));
  if (written.length < 2 || others.length * 2 >= written.length || others.some((cell) => VALUE.test(cell)))
    return 'row';
  if (!isOfWidth) return 'header';
  const names = new Set(written.map(fieldName));
  const isEachName = written.every((cell) => columns.isName(cell) || knows(mapping, fieldName(cell)));
  return isEachName && names.size === written.length ? 'header' : 'doubtful';
}

/**
 * A header of another export, in another language or of another command: most of its cells are names that its format has, and no value is among
 * them. `doubtful`: the columns are those of another product. null = it is none.
 */
function otherHeader(
  cells: readonly string[],
  columns: Columns,
  mapping: Mapping,
): 'header' | 'doubtful' | null {
  const isKnown = (cell: string): boolean => columns.isName(cell) || isColumn(cell);
  // Most rows begin with a value: nothing else of them is looked at.
  if (!isKnown(cells[0] ?? '') || cells.some((cell) => VALUE.test(cell))) return null;
  const written = cells.filter((cell) => cell.trim() !== '');
  const named = written.filter((cell) => isKnown(cell) && !isState(cell)).length;
  if (named < FEWEST_OF_OTHERS || named * 2 <= written.length) return null;
  if (new Set(written.map(fieldName)).size < written.length) return null;
  const best = bestMapping(new Columns(cells));
  return best === null ? null : best.format === mapping.format ? 'header' : 'doubtful';
}

/** Most of their values are chosen by the phone, or by nobody knows whom: names of columns among them do not make a row a header for certain. */
const CHOSEN_BY_PHONES: ReadonlySet<FormatName> = new Set(['exchange', 'csv']);

/** Names of columns of Intune in all languages; those in English are known names of its format. */
const OF_INTUNE: ReadonlySet<string> = new Set(
  Object.values(intune).flatMap((listed) => ('agent' in listed ? Object.values(listed).flat() : listed)),
);

/** `Compliant` and `Managed` are names of columns and values. */
function isState(cell: string): boolean {
  return COMPLIANCE.has(wordOf(cell)) || MANAGEMENT.has(wordOf(cell));
}

function isColumn(cell: string): boolean {
  if (cell.length > LONGEST_NAME) return false;
  const name = fieldName(cell);
  return isKnownName(name) || OF_INTUNE.has(name);
}

const FEWEST_OF_OTHERS = 4;

/** A header of a table of another product, which is no device: each of its cells is a name that columns have. */
function isHeaderOfOthers(cells: readonly string[]): boolean {
  const written = cells.filter((cell) => cell.trim() !== '');
  return written.length >= FEWEST_NAMES && written.every((cell) => isKnownName(fieldName(cell)));
}

const FEWEST_NAMES = 3;

/** A word for sums, and nothing but short numbers beside it: longer ones may be ids. */
function isOfSums(cells: readonly string[]): boolean {
  const [first = '', ...others] = cells.map((cell) => cell.trim()).filter((cell) => cell !== '');
  return SUMS.test(first) && others.every((cell) => /^[\d .,]{1,9}%?$/.test(cell));
}

const SUMS =
  /^(?:(?:grand|sub)? ?totals?|sum|summe|gesamt(?:summe)?|insgesamt|somme|totale|totaal|suma|summa|count|anzahl)\s*:?(?: \d{1,9})?$/i;

/** Addresses, numbers and times, which no column is named by. */
const VALUE = /@|^\s*\d/;

function knows({ sure, typical }: Mapping, name: string): boolean {
  return sure.includes(name) || typical.includes(name);
}

/** Some programs end each row with a delimiter, others the header alone. `spare`: empty cells that may follow the last column. */
function isWhole(cells: readonly string[], { count, named }: Columns, spare: number): boolean {
  if (cells.length <= count) return cells.length >= named;
  return cells.length <= count + spare && cells.slice(count).every((cell) => cell.trim() === '');
}
