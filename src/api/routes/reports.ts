// Owns the routes of reports, as JSON and as CSV.
import { csvHeader, csvRows } from '../../app/csv.ts';
import { CHANGED_CSV, PHONE_CSV } from '../../app/csv-columns.ts';
import { phoneOrder } from '../../app/reports.ts';
import { MAX_PAGE, cursorText, readCursor } from '../../app/list-pages.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import { exactIsoTime, parseMomentPast, parseMomentToCome } from '../../app/times.ts';
import type { ModelPage } from '../../directory/read-model/model-reader.ts';
import type { InputOf } from '../contract/operations.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import type { Asker, ModelQuestions, PairReportName, QuestionOf } from '../questions/model-questions.ts';
import { startDiff } from './policy.ts';
import type { Policies } from './policy.ts';
import { CSV_TYPE, csvInTurns } from './csv-in-turns.ts';
import { FileAnswer, route } from './route.ts';
import type { Call, Route } from './route.ts';

/** A comparison of policies is waited for so long. */
const WAIT_MS = 20_000;

type Question = InputOf<'showReport'>['query'];

/** The routes. */
export function reportRoutes(parts: ApiParts, policies: Policies): Route[] {
  return [
    route('showReport', async ({ params, query }, call) => {
      const { now, asker } = call;
      const { report: name } = params;
      if (name === 'would-block' || name === 'grandfathered')
        return changeReport(name, await compared(parts, policies, name, query, call), query, now);
      const model = parts.model();
      if (name === 'duplicates' || name === 'near-misses') return pairReport(model, name, query, now, asker);
      const unseenSince = parseMomentPast(query.notSeen, 'notSeen', now);
      const { endsWithin } = query;
      const endsBefore = endsWithin === undefined ? null : parseMomentToCome(endsWithin, 'endsWithin', now);
      return phoneReport(model, { name, asked: { now, unseenSince, endsBefore } }, query, asker);
    }),
  ];
}

/** The rows of a report in JSON, before it sets those of its kind: null = it has none. */
const NONE = { phones: null, duplicates: null, nearMisses: null, changes: null, next: null };

async function phoneReport(
  model: ModelQuestions,
  question: QuestionOf<'reportCounts'>,
  { format, limit, after }: Question,
  asker: Asker,
): Promise<object> {
  const { name } = question;
  if (format === 'csv') {
    // A query that is not valid fails before the file begins.
    const first = await model.ask('reportRows', { ...question, limit: MAX_PAGE, after: null }, asker);
    return new FileAnswer(CSV_TYPE, `${name}.csv`, phoneTexts(model, question, first, asker));
  }
  const asOf = exactIsoTime(await model.ask('confirmedAt', null, asker));
  const counts = await model.ask('reportCounts', question, asker);
  const from = after === undefined ? null : readCursor(after, [phoneOrder(name)]);
  const { rows, next } = await model.ask('reportRows', { ...question, limit, after: from }, asker);
  const more = next === null ? null : cursorText(next, [phoneOrder(name)]);
  return { name, asOf, counts, ...NONE, phones: rows, isCut: next !== null, next: more };
}

async function* phoneTexts(
  model: ModelQuestions,
  question: QuestionOf<'reportCounts'>,
  first: ModelPage,
  asker: Asker,
): AsyncGenerator<string> {
  yield csvHeader(PHONE_CSV);
  for (let page = first; ;) {
    yield csvRows(PHONE_CSV, page.rows);
    if (page.next === null) return;
    page = await model.ask('reportRows', { ...question, limit: MAX_PAGE, after: page.next }, asker);
  }
}

async function pairReport(
  model: ModelQuestions,
  name: PairReportName,
  { format, limit }: Question,
  now: number,
  asker: Asker,
): Promise<object> {
  if (format === 'csv')
    return new FileAnswer(CSV_TYPE, `${name}.csv`, await model.ask('pairFile', { name, now }, asker));
  const asOf = exactIsoTime(await model.ask('confirmedAt', null, asker));
  const { counts, rows, isCut } = await model.ask('pairReport', { name, now, limit }, asker);
  const field = name === 'duplicates' ? 'duplicates' : 'nearMisses';
  return { name, asOf, counts, ...NONE, [field]: rows, isCut };
}

function changeReport(
  name: 'would-block' | 'grandfathered',
  { keptOut, byReason, byGroup, byModel, phones }: PolicyDiff,
  { format, limit }: Question,
  now: number,
): object {
  const rows = phones.filter(({ before, after }) => before.action === 'allow' && after.action !== 'allow');
  const counts = { total: keptOut, byReason, byGroup, byModel };
  if (format === 'csv') return new FileAnswer(CSV_TYPE, `${name}.csv`, csvInTurns(CHANGED_CSV, rows));
  return {
    name,
    asOf: exactIsoTime(now),
    counts,
    ...NONE,
    changes: rows.slice(0, limit),
    isCut: rows.length > limit,
  };
}

/** @throws ApiError EASGATE_API_BUSY while it is under way */
async function compared(
  parts: ApiParts,
  policies: Policies,
  name: 'would-block' | 'grandfathered',
  { version, groups: named = '', share }: Question,
  call: Call,
): Promise<PolicyDiff> {
  // What is rolled out already to these users is counted too.
  const before = { place: version === undefined ? 'inUse' : 'live' } as const;
  const after = version === undefined ? before : { version };
  const groups = named.split(',').filter((group) => group.trim() !== '');
  const rollout = groups.length === 0 && share === 0 ? null : { groups, share };
  const asked =
    name === 'grandfathered'
      ? {
          before: { place: 'inUse' } as const,
          after: { place: 'inUse' } as const,
          rollout: null,
          enforced: false,
          grandfathered: false,
        }
      : { before, after, rollout, enforced: true, grandfathered: true };
  const run = await startDiff(parts, policies, asked, call);
  await policies.diffs.waitFor(run, WAIT_MS);
  if (run.diff !== null) return run.diff;
  if (run.error !== null)
    throw new ApiError('EASGATE_API_UNAVAILABLE', `the comparison failed: ${run.error.message}`);
  throw new ApiError(
    'EASGATE_API_BUSY',
    `the report is being made, ${run.compared} phones so far: ask again, and it goes on`,
    5,
  );
}
