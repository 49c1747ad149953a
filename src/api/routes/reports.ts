// Owns the routes of reports, and of lists as files.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { csvHeader, csvRows } from '../../app/csv.ts';
import type { CsvColumn } from '../../app/csv.ts';
import { CHANGED_CSV, DUPLICATE_CSV, NEAR_MISS_CSV, PHONE_CSV } from '../../app/csv-columns.ts';
import { duplicateReport, nearMissReport, phoneReport } from '../../app/fleet-report.ts';
import type { PhoneReportName, ReportCounts } from '../../app/fleet-report.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import { parseMomentPast, parseMomentToCome } from '../../app/times.ts';
import type { InputOf } from '../contract/operations.ts';
import type { ApiParts } from '../parts.ts';
import type { PolicyDiffs } from '../policy-diffs.ts';
import { ApiError } from '../problems.ts';
import { startDiff, startGrandfathered } from './policy.ts';
import { timeText } from './devices.ts';
import { FileAnswer, route } from './route.ts';
import type { Route } from './route.ts';

/** Media type of CSV with a header (RFC 4180 3). */
export const CSV_TYPE = 'text/csv; charset=utf-8; header=present';
/** Rows that are written at once. */
const AT_ONCE = 500;
/** A comparison of policies is waited for so long. */
const WAIT_MS = 20_000;

type Question = InputOf<'showReport'>['query'];

/** The routes. */
export function reportRoutes(parts: ApiParts, diffs: PolicyDiffs): Route[] {
  return [
    route('showReport', async ({ params, query }, { now }) => {
      const { report: name } = params;
      if (name === 'would-block' || name === 'grandfathered')
        return changeReport(name, await compared(parts, diffs, name, now), query, now);
      const model = parts.model();
      const asOf = timeText(model.state().confirmedAt);
      if (name === 'duplicates') {
        const { counts, rows } = duplicateReport(model, now);
        return answer({ name, asOf, counts, rows, columns: DUPLICATE_CSV, field: 'duplicates' }, query);
      }
      if (name === 'near-misses') {
        const { counts, rows } = nearMissReport(model, now);
        return answer({ name, asOf, counts, rows, columns: NEAR_MISS_CSV, field: 'nearMisses' }, query);
      }
      const unseenSince = parseMomentPast(query.notSeen, 'notSeen', now);
      const { endsWithin } = query;
      const endsBefore = endsWithin === undefined ? null : parseMomentToCome(endsWithin, 'endsWithin', now);
      const question = { now, unseenSince, endsBefore };
      const { counts, rows } = phoneReport(model, name satisfies PhoneReportName, question);
      return answer({ name, asOf, counts, rows, columns: PHONE_CSV, field: 'phones' }, query);
    }),
  ];
}

interface Answered<Row> {
  readonly name: string;
  readonly asOf: string;
  readonly counts: ReportCounts;
  readonly rows: Iterable<Row>;
  readonly columns: readonly CsvColumn<Row>[];
  readonly field: 'phones' | 'duplicates' | 'nearMisses' | 'changes';
}

function answer<Row>(
  { name, asOf, counts, rows, columns, field }: Answered<Row>,
  { format, limit }: Question,
): object {
  if (format === 'csv') return new FileAnswer(CSV_TYPE, `${name}.csv`, csvParts(columns, rows));
  const shown: Row[] = [];
  let isCut = false;
  for (const row of rows) {
    isCut = shown.length === limit;
    if (isCut) break;
    shown.push(row);
  }
  const none = { phones: null, duplicates: null, nearMisses: null, changes: null };
  return { name, asOf, counts, ...none, [field]: shown, isCut };
}

/** Rows as CSV, in parts, so that others are answered between two of them. */
export async function* csvParts<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: Iterable<Row>,
): AsyncGenerator<string> {
  yield csvHeader(columns);
  let part: Row[] = [];
  for (const row of rows) {
    part.push(row);
    if (part.length < AT_ONCE) continue;
    yield csvRows(columns, part);
    part = [];
    await nextTurn();
  }
  if (part.length > 0) yield csvRows(columns, part);
}

function changeReport(
  name: 'would-block' | 'grandfathered',
  { keptOut, byReason, byGroup, byModel, phones }: PolicyDiff,
  query: Question,
  now: number,
): object {
  const rows = phones.filter(({ before, after }) => before.action === 'allow' && after.action !== 'allow');
  const counts = { total: keptOut, byReason, byGroup, byModel };
  return answer({ name, asOf: timeText(now), counts, rows, columns: CHANGED_CSV, field: 'changes' }, query);
}

/** @throws ApiError EASGATE_API_BUSY while it is under way */
async function compared(
  parts: ApiParts,
  diffs: PolicyDiffs,
  name: 'would-block' | 'grandfathered',
  now: number,
): Promise<PolicyDiff> {
  const live = { place: 'live' } as const;
  const run =
    name === 'grandfathered'
      ? await startGrandfathered(parts, diffs, now)
      : await startDiff(parts, diffs, { before: live, after: live, enforced: true }, now);
  await diffs.waitFor(run, WAIT_MS);
  if (run.diff !== null) return run.diff;
  if (run.error !== null)
    throw new ApiError('EASGATE_API_UNAVAILABLE', `the comparison failed: ${run.error.message}`);
  throw new ApiError(
    'EASGATE_API_BUSY',
    `the report is being made, ${run.compared} phones so far: ask again, and it goes on`,
    5,
  );
}
