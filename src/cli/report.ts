// Owns the work of `easgate report`, but for `would-block` and `grandfathered` (policy-comparison.ts): numbers and rows as a table, CSV or JSON.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { duplicateReport, nearMissReport, phoneReport } from '../app/reports.ts';
import type { PhoneReportName, Report } from '../app/reports.ts';
import { openReadModel } from '../app/read-model.ts';
import type { OpenModel } from '../app/read-model.ts';
import type { Duplicate, NearMiss } from '../directory/read-model/similar-devices.ts';
import type { NamedCount, SeenCounts } from '../directory/read-model/model-reader.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import { withStore } from './context.ts';
import { csvParts } from '../app/csv.ts';
import { DUPLICATE_CSV, NEAR_MISS_CSV, PHONE_CSV } from '../app/csv-columns.ts';
import type { CsvColumn } from '../app/csv.ts';
import { stateCell } from './lists.ts';
import type { QueryOf } from '../api/contract/operations.ts';
import { OLD_STATE_MS } from '../api/contract/state-age.ts';
import { MAX_PAGE } from '../app/list-pages.ts';
import { count, momentOf } from './list-options.ts';
import { print, printJsonRows, printable, remark } from './output.ts';
import { Progress } from './progress.ts';
import { ask, download } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import type { Context } from './remote/contexts.ts';
import type { DocumentOf } from './remote/documents.ts';
import { momentText, writeParts } from './remote/lists.ts';
import { fitTable, table, terminalWidth } from './table.ts';
import type { Column } from './table.ts';
import { timeOrNever, timeText } from './time-text.ts';
import { parseMomentToCome, relativeTime } from '../app/times.ts';

/** Options of every report. */
export interface ReportOptions {
  readonly limit?: string;
  readonly csv?: true;
  readonly json?: true;
  readonly notSeen?: string;
  readonly ends?: string;
}

const DEFAULT_ROWS = 20;
/** `stale` without `--not-seen`. */
const STALE = '90d';

/** `report NAME`. */
export async function report(name: string, options: ReportOptions, command: Command): Promise<void> {
  const now = Date.now();
  const unseenSince = momentOf(options.notSeen ?? STALE, '--not-seen') ?? now;
  const endsBefore = options.ends === undefined ? null : parseMomentToCome(options.ends, '--ends');
  const context = contextOf(command);
  if (context !== null) {
    const query = {
      notSeen: momentText(unseenSince),
      ...(endsBefore !== null && { endsWithin: momentText(endsBefore) }),
    };
    if (options.csv) {
      const csv = { params: { report: name }, query: { ...query, format: 'csv' } };
      await download(context, 'showReport', csv, writeParts);
    } else sayReport(name, await remoteReport(context, name, query, rowsOf(options)), options);
    return;
  }
  await withStore(command, async (store, config) => {
    const progress = new Progress('phones read');
    let model: OpenModel;
    try {
      model = await openReadModel(store, config, now, (rows) => progress.show(rows));
    } finally {
      progress.end();
    }
    const { reader, fullReadAt, confirmedAt } = model;
    try {
      const found =
        name === 'duplicates'
          ? duplicateReport(reader, now)
          : name === 'near-misses'
            ? nearMissReport(reader, now)
            : phoneReport(reader, name as PhoneReportName, { now, unseenSince, endsBefore });
      sayReport(name, found, options);
      if (options.csv || options.json) return;
      // A model that is rebuilt meanwhile.
      if (now - confirmedAt > OLD_STATE_MS)
        remark(`from a read model that is being rebuilt: as of ${relativeTime(confirmedAt, now)}`);
      else if (fullReadAt < now)
        remark(`new phones and times of last seen are as of ${relativeTime(fullReadAt, now)}`);
    } finally {
      model.close();
    }
  });
}

/** Rows that an answer needs: `--json` has every one. */
function rowsOf({ json, limit }: ReportOptions): number {
  if (json) return Infinity;
  return limit === undefined ? DEFAULT_ROWS : count(limit, '--limit');
}

/** Prints a report of the form that its name has. */
function sayReport(name: string, found: Report<unknown>, options: ReportOptions): void {
  if (name === 'duplicates') {
    const { rows, ...rest } = found as Report<Duplicate>;
    const all = [...rows];
    printReport({ ...rest, rows: all }, options, DUPLICATES, DUPLICATE_CSV);
    if (!options.csv && !options.json && all.some(({ isSuccessor }) => isSuccessor))
      remark('to copy the decisions of an older device: easgate decisions accept DEVICE');
  } else if (name === 'near-misses')
    printReport(found as Report<NearMiss>, options, NEAR_MISSES, NEAR_MISS_CSV);
  else
    printReport(
      found as Report<ModelRow>,
      options,
      name === 'exceptions' ? [...PHONES, ...EXCEPTION] : PHONES,
      PHONE_CSV,
    );
}

/** A report of the admin API, with at most so many rows. @throws RemoteError */
async function remoteReport(
  context: Context,
  name: string,
  query: Pick<QueryOf<'showReport'>, 'notSeen' | 'endsWithin'>,
  most: number,
): Promise<Report<unknown>> {
  const rows: unknown[] = [];
  let after: string | null = null;
  for (;;) {
    const limit = Math.min(most - rows.length, MAX_PAGE);
    const page: DocumentOf<'showReport'> = await ask(context, 'showReport', {
      params: { report: name },
      query: { ...query, limit, ...(after !== null && { after }) },
    });
    rows.push(...(page.phones ?? page.duplicates ?? page.nearMisses ?? []));
    after = page.next;
    if (after === null || rows.length >= most) {
      if (page.isCut && after === null && most === Infinity)
        remark(`the first ${numberText(rows.length)} rows: --csv has all of them`);
      return { name, counts: page.counts, rows };
    }
  }
}

type Csv<Row> = readonly CsvColumn<Row>[];

function printReport<Row>(
  { name, counts, rows }: Report<Row>,
  { csv, json, limit }: ReportOptions,
  columns: readonly Column<Row>[],
  csvColumns: Csv<Row>,
): void {
  if (csv) {
    printCsv(csvColumns, rows);
    return;
  }
  if (json) {
    printJsonRows(rows, { name, ...counts });
    return;
  }
  const most = limit === undefined ? DEFAULT_ROWS : count(limit, '--limit');
  const shown: Row[] = [];
  for (const row of rows) {
    if (shown.length === most) break;
    shown.push(row);
  }
  const { total } = counts;
  print(
    `${table(['', ...SEEN_TITLES], [[name, ...countCells(total)]])}\n` +
      (total.all === 0
        ? ''
        : countTable('BY REASON', counts.byReason, most) +
          countTable('BY GROUP', counts.byGroup, most) +
          countTable('BY MODEL', counts.byModel, most) +
          fitTable(columns, shown, terminalWidth()).text),
  );
  if (total.all > shown.length)
    remark(`${numberText(shown.length)} of ${numberText(total.all)}: --limit, --csv or --json`);
}

/**
 * A table of counts by name, and an empty line. `limit` is that of the list below it: a large one lengthens the table, a small one does not
 * shorten it, so that a short list does not hide reasons and groups. Empty without counts.
 */
export function countTable(title: string, counts: readonly NamedCount[], limit: number): string {
  if (counts.length === 0) return '';
  const most = Math.max(limit, DEFAULT_ROWS);
  const rows = counts
    .slice(0, most)
    .map(({ name, phones }) => [printable(name, 'none'), ...countCells(phones)]);
  const columns = [title, ...SEEN_TITLES].map((each, place) => ({
    title: each,
    cell: (row: readonly string[]) => row[place] ?? '',
    // The names of models and groups have any length.
    ...(place === 0 ? { min: Math.max(SHORTEST_NAME, title.length) } : {}),
  }));
  return `${fitTable(columns, rows, terminalWidth()).text}${othersText(counts.length - most, '--limit or --json')}\n`;
}

/** Characters of a name that stay on a narrow terminal. */
const SHORTEST_NAME = 12;

/** Names the rows of a list that are left out. */
export function othersText(others: number, ways: string, isCut = false): string {
  if (others <= 0) return '';
  return isCut
    ? `and ${numberText(others)} or more others: ${ways}\n`
    : `and ${numberText(others)} ${others === 1 ? 'other' : 'others'}: ${ways}\n`;
}

/** Titles of {@link countCells}. */
export const SEEN_TITLES = ['ALL', 'SEEN 1D', 'SEEN 7D', 'SEEN 30D'];

/** Numbers of phones by how lately they were seen. */
export function countCells({ all, lastDay, lastWeek, lastMonth }: SeenCounts): string[] {
  return [all, lastDay, lastWeek, lastMonth].map(numberText);
}

function printCsv<Row>(columns: Csv<Row>, rows: Iterable<Row>): void {
  for (const part of csvParts(columns, rows)) print(part);
}

const PHONES: readonly Column<ModelRow>[] = [
  { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 18 },
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'TYPE', cell: ({ deviceType }) => printable(deviceType, '-'), min: 8, spare: 3 },
  { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 2 },
  { title: 'STATE', cell: ({ state }) => stateCell(state) },
  { title: 'REASON', cell: ({ reason }) => printable(reason, '-'), min: 10 },
  { title: 'SEEN', cell: ({ lastSeen }) => timeOrNever(lastSeen) },
  {
    title: 'GROUPS',
    cell: ({ groups }) => printable(groups?.join(' ') ?? null, '-'),
    min: 8,
    spare: 4,
  },
];

const EXCEPTION: readonly Column<ModelRow>[] = [
  {
    title: 'LET PASS',
    cell: (row) => (passesByItself(row) ? 'this phone' : 'the user'),
  },
  {
    title: 'UNTIL',
    cell: (row) => {
      const until = passesByItself(row) ? row.decisionExpiresAt : row.userDecisionExpiresAt;
      return until === null ? 'cleared' : timeText(until);
    },
  },
];

/** Whether the decision on the phone lets it pass, and not (any longer than that) the one on its user. */
function passesByItself({
  decision,
  decisionExpiresAt,
  userDecision,
  userDecisionExpiresAt,
}: ModelRow): boolean {
  return (
    decision === 'allow' &&
    (userDecision !== 'allow' || (decisionExpiresAt ?? Infinity) >= (userDecisionExpiresAt ?? Infinity))
  );
}

const DUPLICATES: readonly Column<Duplicate>[] = [
  { title: 'USER', cell: ({ user }) => printable(user), min: 18 },
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'SEEN', cell: ({ lastSeen }) => timeOrNever(lastSeen) },
  { title: 'OLDER', cell: ({ other }) => other },
  { title: 'SEEN', cell: ({ otherLastSeen }) => timeOrNever(otherLastSeen) },
  { title: 'STATE', cell: ({ otherState }) => stateCell(otherState), spare: 2 },
  { title: 'AFTER A RESET', cell: ({ isSuccessor }) => (isSuccessor ? 'likely' : '-') },
  { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 1 },
];

const NEAR_MISSES: readonly Column<NearMiss>[] = [
  { title: 'REPORTED', cell: ({ reported }) => reported },
  { title: 'OWNER', cell: ({ owner }) => printable(owner, '-'), min: 12, spare: 2 },
  { title: 'PHONE', cell: ({ device }) => device },
  { title: 'USER', cell: ({ user }) => printable(user, '-'), min: 18 },
  { title: 'SEEN', cell: ({ lastSeen }) => timeOrNever(lastSeen) },
  { title: 'BY', cell: ({ by }) => by },
  { title: 'MODEL', cell: ({ model }) => printable(model, '-'), min: 8, spare: 1 },
];
