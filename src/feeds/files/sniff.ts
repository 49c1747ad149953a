// Owns the recognition of a file by its beginning: table, JSON, JSON lines, CliXml or Format-List; delimiter and header of a table. Names of files
// are not looked at. Pure.
import { ProgramError } from '../../errors/program-errors.ts';
import { plain } from '../../plain-text.ts';
import {
  MAPPINGS,
  bestMapping,
  isKnownName,
  isOfProduct,
  isOwn,
  mappingNotAsked,
  mappingsOf,
  matches,
} from '../formats.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping } from '../mapping.ts';
import { MANAGEMENT } from '../mappings/intune-columns.ts';
import { ownTable } from '../mappings/own.ts';
import { inEnglish } from '../own-languages.ts';
import { Columns, fieldName } from '../row.ts';
import { csvHead } from './csv.ts';
import { listNames } from './format-list.ts';
import { hasXmlRecords } from './xml-records.ts';

/** What a file is. */
export type FileKind =
  | {
      readonly container: 'table';
      readonly delimiter: string;
      readonly headerLine: number;
      /** Empty cells that most rows have behind the last column. */
      readonly spare: number;
      /** The columns are in a language that no mapping knows by itself; rows are read with their English names. */
      readonly isTranslated: boolean;
      readonly mapping: Mapping;
      /** The format that the columns belong to, where the operator asked for another one. */
      readonly notAsked: Mapping | null;
    }
  | { readonly container: 'json' | 'lines' | 'clixml' | 'xml' | 'plists' | 'list' };

/**
 * Recognizes a file. `mapping`: of the operator; then the names in the file need belong to no format.
 * @throws ProgramError EASGATE_IMPORT_FORMAT where the columns of a table belong to no format for certain, EASGATE_FILE for XML and HTML
 */
export function sniff(
  head: string,
  isWhole: boolean,
  format: FormatName | null,
  mapping: Mapping | null = null,
): FileKind {
  const start = head.trimStart();
  if (start.startsWith('<')) return sniffMarkup(start);
  if (JSON_START.test(start)) return { container: isLines(head, isWhole, format) ? 'lines' : 'json' };
  if (format === 'ndjson') return { container: 'lines' };
  if (isList(head, format, mapping)) return { container: 'list' };
  return sniffTable(head, format, mapping);
}

/** Not any bracket: the prompt of the Exchange Management Shell (`[PS] C:\\>Get-MobileDevice`) begins with one, too. */
const JSON_START = /^(?:[{\u001e]|\[\s*(?:[[\]{"\d-]|true|false|null|$))/;

/** Format-List, of names that are known: a table may have a title of the same form. */
function isList(head: string, format: FormatName | null, given: Mapping | null): boolean {
  const written = listNames(head);
  if (written === null) return false;
  const names = new Set(written.map(fieldName));
  return (
    given !== null || (format === null ? isOfProduct(names) : matches(names, mappingsOf(format)).length > 0)
  );
}

/** Also a part of a page: some programs write an HTML table into a file named .xls. */
const WEB_PAGE = /<!doctype html|<(?:html|head|body|table|script|meta|form|div)[\s>]/i;

function sniffMarkup(start: string): FileKind {
  if (start.slice(0, 2_000).includes('schemas.microsoft.com/powershell')) return { container: 'clixml' };
  if (hasXmlRecords(start)) return { container: 'xml' };
  if (/<!DOCTYPE plist|<plist[\s>]/.test(start.slice(0, 2_000))) return { container: 'plists' };
  if (WEB_PAGE.test(start.slice(0, 2_000)))
    throw new ProgramError(
      'EASGATE_FILE',
      'the file is a web page: was the download refused, or a sign-in asked for?',
    );
  if (start.slice(0, 2_000).includes('urn:schemas-microsoft-com:office:spreadsheet'))
    throw new ProgramError('EASGATE_FILE', 'the file is an Excel workbook in XML: save the sheet as CSV');
  throw new ProgramError(
    'EASGATE_FILE',
    'the file is XML that is not read: ask the interface for JSON (Accept: application/json), or export CSV',
  );
}

/** JSON lines: the first lines are objects each by itself. */
function isLines(head: string, isWhole: boolean, format: FormatName | null): boolean {
  const lines = head.split('\n').filter((line) => line.trim() !== '');
  if (!isWhole) lines.pop();
  const objects = lines.slice(0, 20).filter(isObject).length;
  return objects >= 2 || (format === 'ndjson' && !head.trimStart().startsWith('['));
}

function isObject(line: string): boolean {
  if (!line.trimStart().startsWith('{')) return false;
  try {
    JSON.parse(line.replace(/^\u001e/, ''));
    return true;
  } catch {
    return false;
  }
}

const DELIMITERS = [',', ';', '\t', '|'];
/** Rows in which the header is looked for, below titles and type lines. */
const HEADER_ROWS = 25;
/** Rows whose width is looked at. */
const SAMPLE_ROWS = 100;

interface Header {
  readonly delimiter: string;
  readonly line: number;
  readonly columns: Columns;
  readonly written: readonly string[];
  readonly score: number;
  /** Its names belong to a format for certain. */
  readonly isSure: boolean;
  readonly isTranslated: boolean;
}

function sniffTable(head: string, format: FormatName | null, given: Mapping | null): FileKind {
  const among = given === null ? tableMappings(format) : [given];
  // Excel: the first line may name the delimiter.
  const [, named] = /^\s*"?sep=(.)"?\r?\n/.exec(head) ?? [];
  const headers = (named === undefined ? DELIMITERS : [named]).flatMap(
    (delimiter) => headerIn(head, delimiter, among) ?? [],
  );
  const [written] = headers.sort(byPlace);
  const best =
    written === undefined || given !== null
      ? written
      : (inOwnLanguage(written, among) ?? inOtherLanguage(written, format, among) ?? written);
  if (best === undefined)
    throw new ProgramError(
      'EASGATE_FILE',
      head.split(/\r\n|\r|\n/, HEADER_ROWS).some((line) => FIELD.test(line))
        ? 'the file looks like what Format-List prints, but its colons do not stand in one column'
        : 'the file has no rows',
    );
  const mapping = given ?? bestMapping(best.columns, among);
  const nearest =
    matches(
      best.columns,
      MAPPINGS.filter((one) => one.format !== 'ndjson'),
    )[0]?.mapping ?? null;
  // The operator chose the format; a few known columns are enough.
  const taken = mapping ?? (format === null ? null : (matches(best.columns, among)[0]?.mapping ?? null));
  if (taken === null && RULE.test(head))
    throw new ProgramError(
      'EASGATE_FILE',
      'the file is what Format-Table prints, which cuts values off: use Export-Csv, or Format-List',
    );
  if (taken === null && isInSpaces(best))
    throw new ProgramError(
      'EASGATE_FILE',
      'the columns of the file are separated by spaces, which values contain, too: export CSV or JSON',
    );
  if (taken === null && isOneCell(best))
    throw new ProgramError(
      'EASGATE_FILE',
      'each line of the file is one cell in quotes: a spreadsheet took the rows for texts; import the file as it was exported',
    );
  if (taken === null)
    throw unknownFormat(
      format,
      best.written
        .filter((cell) => cell !== '')
        .slice(0, 12)
        .join(', '),
      nearest,
    );
  return {
    container: 'table',
    delimiter: best.delimiter,
    headerLine: best.line,
    spare: spareCells(head, best),
    isTranslated: best.isTranslated,
    mapping: taken,
    notAsked: given === null ? mappingNotAsked(best.columns, format) : null,
  };
}

/** The header of a table of one's own with its names translated to English; null = the columns belong to a product, or are not known in other languages. */
function inOwnLanguage(header: Header, among: readonly Mapping[]): Header | null {
  if (!among.includes(ownTable) || (bestMapping(header.columns, among) ?? ownTable) !== ownTable) return null;
  const columns = new Columns(header.written.map(inEnglish));
  // A part of a report of Intune, without the columns that identify it: it has `Verwaltet von`, but no column that says whether the device is managed.
  if (MANAGEMENT.agent.some((name) => columns.has(name)) && !columns.has('managed')) return null;
  return isOwn(columns) && bestMapping(columns, among) === ownTable
    ? { ...header, columns, isTranslated: true }
    : null;
}

/**
 * The header of the format that was asked for, with its names translated to English: consoles export in the language of the administrator. Null = a
 * mapping knows the names as they are, or too few of them can be translated. Mappings of Intune know its languages themselves.
 */
function inOtherLanguage(
  header: Header,
  format: FormatName | null,
  among: readonly Mapping[],
): Header | null {
  if (format === null || !TRANSLATED.has(format) || bestMapping(header.columns, among) !== null) return null;
  const columns = new Columns(header.written.map(inEnglish));
  const known = columns.names.filter((name, place) => name !== header.columns.names[place]).length;
  return known < FEWEST_TRANSLATED || matches(columns, among).length === 0
    ? null
    : { ...header, columns, isTranslated: true };
}

const TRANSLATED: ReadonlySet<FormatName> = new Set(['workspace-one', 'jamf', 'ivanti']);
const FEWEST_TRANSLATED = 2;

/**
 * Some programs end each row with a delimiter, but not the header. A single row with a cell more has a delimiter within a value: its cells stand
 * in the wrong columns.
 */
function spareCells(head: string, { delimiter, line: headerLine, columns }: Header): number {
  const times = new Map<number, number>();
  for (const { line, cells } of csvHead(head, { delimiter }, SAMPLE_ROWS)) {
    if (line <= headerLine || cells === null) continue;
    const spare = Math.max(0, cells.length - columns.count);
    times.set(spare, (times.get(spare) ?? 0) + 1);
  }
  const [[most] = [0]] = [...times].sort(([, one], [, other]) => other - one);
  return most;
}

/** Whether the first line has one cell, which holds delimiters. */
function isOneCell({ written }: Header): boolean {
  const [first = '', ...others] = written;
  return (
    others.every((cell) => cell === '') && DELIMITERS.some((delimiter) => first.split(delimiter).length > 2)
  );
}

/** Whether the header is one cell with known names that several spaces separate, as command lines print tables. */
function isInSpaces({ written }: Header): boolean {
  const [first = '', ...others] = written;
  return (
    others.length === 0 && first.split(/ {2,}/).filter((name) => isKnownName(fieldName(name))).length > 1
  );
}

/** Format-Table draws a line below each name. */
const RULE = /^-{2,100}(?: {1,200}-{2,100})+ *\r?$/m;

function tableMappings(format: FormatName | null): readonly Mapping[] {
  return format === null ? MAPPINGS.filter((mapping) => mapping.format !== 'ndjson') : mappingsOf(format);
}

/** The first header that is one for certain: below it may be another one, of files that were put into one. Else the best one. */
function headerIn(head: string, delimiter: string, among: readonly Mapping[]): Header | undefined {
  const headers = csvHead(head, { delimiter }, HEADER_ROWS).flatMap(({ line, cells }) => {
    if (cells === null || cells[0]?.startsWith('#TYPE') === true || /^sep=.$/.test(cells.join(''))) return [];
    if (cells.some((cell) => FIELD.test(cell))) return [];
    const columns = new Columns(cells);
    const [match] = matches(columns, among);
    return [
      {
        delimiter,
        line,
        columns,
        written: cells,
        score: match?.score ?? 0,
        isSure: bestMapping(columns, among) !== null,
        isTranslated: false,
      },
    ];
  });
  return headers.find(({ isSure }) => isSure) ?? headers.sort(byScore)[0];
}

/** `Name : value` and `Name : {}`, a line of a list, or a name with a value behind it. */
const FIELD = /^[^:]{1,200}\s:(?:\s|$)/;

/** A header for certain in front of all others, the upper one first: a phone may put a header with other delimiters into its name. */
function byPlace(one: Header, other: Header): number {
  if (one.isSure && other.isSure && one.line !== other.line) return one.line - other.line;
  return Number(other.isSure) - Number(one.isSure) || byScore(one, other);
}

function byScore(one: Header, other: Header): number {
  return other.score - one.score || other.columns.count - one.columns.count;
}

/** The error for a file whose format is not known for certain. */
export function unknownFormat(
  asked: FormatName | null,
  names: string,
  nearest: Mapping | null,
): ProgramError {
  const shown = names === '' ? 'no names' : plain(names, 200);
  const what = asked === null ? 'the format is not known for certain' : `the file has no fields of ${asked}`;
  const next =
    nearest === null || nearest.format === asked
      ? 'docs/reference/import-formats.md lists the names of each format'
      : `if it is the ${nearest.kind}: --format ${nearest.format}`;
  return new ProgramError('EASGATE_IMPORT_FORMAT', `${what} (found: ${shown}); ${next}`);
}
