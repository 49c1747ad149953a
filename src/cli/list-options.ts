// Owns the options and output of all lists: order, limit, times, JSON, and a table that fits the terminal.
import { ProgramError } from '../errors.ts';
import { parseSort } from '../app/listing.ts';
import type { Listing, ListOrder } from '../app/listing.ts';
import { print, printJson, remark } from './output.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Column } from './table.ts';
import { isoTime, parseMomentPast, relativeTime } from './times.ts';

/** Options of every list. */
export interface ListOptions {
  readonly sort?: string;
  readonly limit?: string;
  readonly relative?: true;
  readonly json?: true;
}

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

/** Prints a list: as JSON, or as a table with remarks on what it does not show. */
export function printList<Row>(
  { rows, total }: Listing<Row>,
  options: ListOptions,
  { columns, none }: { readonly columns: readonly Column<Row>[]; readonly none: string },
): void {
  if (options.json) {
    printJson(rows);
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
