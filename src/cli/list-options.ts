// Owns the options and output of all lists: order, limit, times, JSON, and a table that fits the terminal.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { ProgramError } from '../errors/program-errors.ts';
import type { ExportLine } from '../app/export-lines.ts';
import { MAX_PAGE, parseSort } from '../app/list-pages.ts';
import type { Page, PageRequest } from '../app/list-pages.ts';
import { buildModel, openKeptModel } from '../app/read-model.ts';
import type { OpenModel } from '../app/read-model.ts';
import { loadConfig } from '../config/load.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import { configPath } from './config-path.ts';
import { withStore } from './context.ts';
import { csvParts } from '../app/csv.ts';
import { print, printJsonRows, printable, remark } from './output.ts';
import { Progress } from './progress.ts';
import { fitTable, terminalWidth } from './table.ts';
import type { Cell, Column } from './table.ts';
import { isoTime, parseMomentPast, relativeTime, safeJson } from '../app/times.ts';

/** Options of every list. */
export interface ListOptions {
  readonly sort?: string;
  readonly limit?: string;
  /** The cursor that the page before named. */
  readonly after?: string;
  readonly relative?: true;
  readonly json?: true;
  /** Of `export`: the list as a file. */
  readonly format?: ExportFormat;
}

/** Formats of an export. */
export type ExportFormat = 'csv' | 'ndjson';

/** The rows that a command shows: all, or (`--limit`) one page. */
export interface Shown<Row> {
  readonly rows: readonly Row[];
  /** For `--after`; null = there are no more. */
  readonly next: string | null;
}

/** Reads the rows that `--sort`, `--limit` and `--after` ask for. @throws ProgramError */
export async function shownRows<Row>(
  { sort, limit, after }: ListOptions,
  read: (request: PageRequest) => Page<Row> | Promise<Page<Row>>,
): Promise<Shown<Row>> {
  const order = sort === undefined ? [] : parseSort(sort);
  const rows: Row[] = [];
  let left = limit === undefined ? Infinity : count(limit, '--limit');
  let cursor: string | null = after ?? null;
  do {
    const page = await read({ sort: order, limit: Math.min(left, MAX_PAGE), after: cursor });
    for (const row of page.rows) rows.push(row);
    left -= page.rows.length;
    cursor = page.next;
  } while (cursor !== null && left > 0);
  return { rows, next: cursor };
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

/** The function that formats times of a list. */
export function timeWriter({ relative }: ListOptions): (at: number | null | undefined) => string {
  const now = Date.now();
  return (at) => {
    if (at === null || at === undefined) return '-';
    return relative ? relativeTime(at, now) : isoTime(at);
  };
}

/** What a list command works with. */
export interface ListSource {
  readonly reader: ModelReader;
  /** Null = the control process keeps the read model: the directory is not asked. */
  readonly store: DirectoryStore | null;
  /** Where rows are from, and how old they are; null = the directory itself, and there is nothing else. */
  readonly origin: string | null;
}

/**
 * Opens the read model that the control process keeps; else, and (`withRecords`) for work that needs whole records, the directory,
 * which is read once.
 */
export function withList(
  command: Command,
  work: (source: ListSource) => Promise<void> | void,
  withRecords = false,
): Promise<void> {
  const now = Date.now();
  const kept = withRecords ? null : openKeptModel(loadConfig(configPath(command)), now);
  if (kept !== null) return finish(kept, () => work({ ...kept, store: null, origin: ageText(kept, now) }));
  return withStore(command, async (store, config) => {
    const progress = new Progress('phones read');
    let model: OpenModel;
    try {
      model = await buildModel(store, now, (rows) => progress.show(rows));
    } finally {
      progress.end();
    }
    await finish(model, () =>
      work({ reader: model.reader, store, origin: config.control.enabled ? NOT_KEPT : null }),
    );
  });
}

const NOT_KEPT = 'read from the directory just now: the read model of the control process is not up to date';

async function finish(model: OpenModel, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } finally {
    model.close();
  }
}

function ageText({ confirmedAt, fullReadAt }: OpenModel, now: number): string {
  const age = Math.max(0, now - confirmedAt) / 1_000;
  return `from the read model of the control process, ${age.toFixed(1)} s old; new phones and last seen as of ${relativeTime(fullReadAt, now)}`;
}

/** How a list is printed. */
export interface ListForm<Row> {
  readonly columns: readonly Column<Row>[];
  readonly none: string;
  /** The rows as JSON lines. */
  readonly lines: (rows: readonly Row[]) => AsyncIterable<ExportLine> | Iterable<ExportLine>;
  /** How many rows there are on all pages; null = not counted. */
  readonly total: () => number | null;
  /** Why a list may be empty. */
  readonly hints: () => readonly string[];
}

/** Prints a list: as a file, as JSON, or as a table with remarks on what it does not show. */
export async function printList<Row>(
  { rows, next }: Shown<Row>,
  options: ListOptions,
  origin: string | null,
  { columns, none, lines, total, hints }: ListForm<Row>,
): Promise<void> {
  if (options.format === 'csv') {
    const titled = columns.map(({ title, cell }) => [title, (row: Row) => csvCell(cell(row))] as const);
    for (const part of csvParts(titled, rows)) print(part);
    return;
  }
  if (options.format === 'ndjson') {
    for await (const line of lines(rows)) print(`${safeJson(line)}\n`);
    return;
  }
  let hidden: readonly string[] = [];
  if (options.json) printJsonRows(rows);
  else if (rows.length === 0) print(`${none}\n`);
  else {
    const table = fitTable(columns, rows, terminalWidth());
    ({ hidden } = table);
    print(table.text);
  }
  if (rows.length === 0) for (const hint of hints()) remark(printable(hint));
  if (next !== null) {
    const all = total();
    remark(
      `${numberText(rows.length)}${all === null ? '' : ` of ${numberText(all)}`}; the next page: --after ${next}`,
    );
  }
  if (next === null && options.after !== undefined) remark('the last page');
  if (hidden.length > 0) remark(`hidden, as the terminal is narrow: ${hidden.join(', ')}`);
  if (origin !== null) remark(origin);
}

/** A dash stands for nothing in a table. */
function csvCell(cell: Cell): string | null {
  const text = typeof cell === 'string' ? cell : cell.text;
  return text === '-' ? null : text;
}
