// Owns the options and output of all lists: order, limit, times, JSON, and a table that fits the terminal.
import { ProgramError } from '../errors.ts';
import { parseSort } from '../app/listing.ts';
import type { Listing, ListOrder } from '../app/listing.ts';
import type { ExportLine } from '../app/export-lines.ts';
import { csvHeader, csvRows } from './csv.ts';
import { print, printJsonRows, remark } from './output.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';
import { isoTime, parseMomentPast, relativeTime, safeJson } from '../app/times.ts';

/** Options of every list. */
export interface ListOptions {
  readonly sort?: string;
  readonly limit?: string;
  readonly relative?: true;
  readonly json?: true;
  /** Of `export`: the list as a file. */
  readonly format?: ExportFormat;
}

/** Formats of an export. */
export type ExportFormat = 'csv' | 'ndjson';

/** Reads `--sort` and `--limit`. @throws ProgramError */
export function orderOf({ sort, limit }: ListOptions): ListOrder {
  return {
    sort: sort === undefined ? [] : parseSort(sort),
    limit: limit === undefined ? null : count(limit, '--limit'),
  };
}

/** A number of rows, from 1. @throws ProgramError */
export function count(text: string, option: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new ProgramError('EASGATE_FILTER', `${option} ${text}: write a number from 1`);
  return Number(text);
}

/** Reads a duration before now, or a date; absent stays absent. @throws ProgramError */
export function momentOf(text: string | undefined, option: string): number | undefined {
  return text === undefined ? undefined : parseMomentPast(text, option);
}

/** Reads `yes`, `no` or `unknown` (null); absent stays absent. @throws ProgramError */
export function yesNoUnknown(text: string | undefined, option: string): boolean | null | undefined {
  if (text === undefined) return undefined;
  const value = { yes: true, true: true, no: false, false: false, unknown: null }[text.toLowerCase()];
  if (value === undefined) throw new ProgramError('EASGATE_FILTER', `${option} ${text}: yes, no or unknown`);
  return value;
}

/** The function that formats times of a list. */
export function timeWriter({ relative }: ListOptions): (at: number | null | undefined) => string {
  const now = Date.now();
  return (at) => {
    if (at === null || at === undefined) return '-';
    return relative ? relativeTime(at, now) : isoTime(at);
  };
}

/** Prints a list: as a file, as JSON, or as a table with remarks on what it does not show. */
export function printList<Row>(
  { rows, total }: Listing<Row>,
  options: ListOptions,
  {
    columns,
    none,
    lines,
  }: {
    readonly columns: readonly Column<Row>[];
    readonly none: string;
    /** The rows as JSON lines. */
    readonly lines: (rows: readonly Row[]) => Iterable<ExportLine>;
  },
): void {
  if (options.format === 'csv') {
    const titled = columns.map(({ title, cell }) => [title, (row: Row) => csvCell(cell(row))] as const);
    print(csvHeader(titled));
    for (let at = 0; at < rows.length; at += CSV_ROWS) print(csvRows(titled, rows.slice(at, at + CSV_ROWS)));
    return;
  }
  if (options.format === 'ndjson') {
    for (const line of lines(rows)) print(`${safeJson(line)}\n`);
    return;
  }
  if (options.json) {
    printJsonRows(rows);
    return;
  }
  if (rows.length === 0) {
    print(`${none}\n`);
    return;
  }
  const { text, hidden } = fitTable(columns, rows, terminalWidth());
  print(text);
  if (rows.length < total) remark(`${rows.length} of ${total}`);
  if (hidden.length > 0) remark(`hidden, as the terminal is narrow: ${hidden.join(', ')}`);
}

/** Rows that are written at once. */
const CSV_ROWS = 1_000;

/** A dash stands for nothing in a table. */
function csvCell(cell: Cell): string | null {
  const text = typeof cell === 'string' ? cell : cell.text;
  return text === '-' ? null : text;
}
