// Owns lists as files: exactly the rows that a list shows with the same filters, as CSV or as lines of JSON.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { csvHeader, csvRows } from '../../app/csv.ts';
import type { CsvColumn } from '../../app/csv.ts';
import { DECISION_CSV, PHONE_CSV, USER_CSV } from '../../app/csv-columns.ts';
import { decisionLines, deviceLines, userLines } from '../../app/export-lines.ts';
import type { ExportLine } from '../../app/export-lines.ts';
import { ENTRY_COLUMNS, entryLine } from '../../app/journal-lines.ts';
import { newestEntries } from '../../app/journal.ts';
import { MAX_PAGE, parseSort } from '../../app/list-pages.ts';
import type { Page, SortKey } from '../../app/list-pages.ts';
import { safeJson } from '../../app/times.ts';
import type { StreamEntries, StreamName } from '../../journal/journal-store.ts';
import { hasRole } from '../auth/principal.ts';
import { decisionFilter } from '../contract/decisions.ts';
import { deviceFilter } from '../contract/devices.ts';
import { auditQuery, journalQuery } from '../contract/journal.ts';
import { userFilter } from '../contract/users.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import { decisionFilterOf, deviceFilterOf, userFilterOf } from './filters.ts';
import { journalFilterOf } from './journal.ts';
import { CSV_TYPE } from './csv-in-turns.ts';
import { FileAnswer, fileRoute } from './route.ts';
import type { Call, StreamRoute } from './route.ts';

const NDJSON_TYPE = 'application/x-ndjson; charset=utf-8';
const FORMAT = { format: z.enum(['csv', 'ndjson']).default('csv') };
const LIMIT = { limit: z.coerce.number().int().min(1).max(1_000_000_000).default(Infinity) };
const LIST = { ...FORMAT, ...LIMIT, sort: z.string().max(100).optional() };

const QUERIES = {
  devices: z.strictObject({ ...LIST, ...deviceFilter }),
  users: z.strictObject({ ...LIST, ...userFilter }),
  decisions: z.strictObject({ ...LIST, ...decisionFilter }),
  journal: journalQuery.omit({ after: true }).extend({ ...FORMAT, ...LIMIT }),
  audit: auditQuery.omit({ after: true }).extend({ ...FORMAT, ...LIMIT }),
};

/** The route. */
export function exportRoute(parts: ApiParts): StreamRoute {
  return fileRoute('exportRows', async ({ params, query }, call) => {
    const { what } = params;
    if (what === 'journal')
      return entries(parts, what, read(QUERIES.journal, query), call, ENTRY_COLUMNS.journal);
    if (what === 'audit') {
      if (!hasRole(call.principal.role, 'operator'))
        throw new ApiError('EASGATE_API_FORBIDDEN', 'the audit needs the role operator');
      return entries(parts, what, read(QUERIES.audit, query), call, ENTRY_COLUMNS.audit);
    }
    const { now, asker } = call;
    const model = parts.model();
    if (what === 'devices') {
      const { format, sort, limit, ...asked } = read(QUERIES.devices, query);
      const filter = deviceFilterOf(asked, now);
      return file(what, format, limit, {
        page: (after) => model.ask('devices', { filter, request: request(sort, '-lastSeen', after) }, asker),
        columns: PHONE_CSV,
        lines: (rows) => deviceLines(parts.store(), rows),
      });
    }
    if (what === 'users') {
      const { format, sort, limit, ...asked } = read(QUERIES.users, query);
      const filter = userFilterOf(asked, now);
      return file(what, format, limit, {
        page: (after) => model.ask('users', { filter, request: request(sort, 'user', after) }, asker),
        columns: USER_CSV,
        lines: (rows) => userLines(parts.store(), rows),
      });
    }
    const { format, sort, limit, ...asked } = read(QUERIES.decisions, query);
    const filter = decisionFilterOf(asked, now);
    return file(what, format, limit, {
      page: (after) =>
        model.ask('decisions', { filter, request: request(sort, '-decidedAt', after), now }, asker),
      columns: DECISION_CSV,
      lines: decisionLines,
    });
  });
}

/** The query of a list. @throws ApiError where it has a field that the list has not */
function read<Query>(schema: z.ZodType<Query>, query: object): Query {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const detail = parsed.error.issues.map(({ path, message }) => `query/${path.join('/')}: ${message}`);
  throw new ApiError('EASGATE_API_INVALID', detail.join('; ').slice(0, 2_000));
}

function request(
  sort: string | undefined,
  own: string,
  after: string | null,
): { readonly sort: readonly SortKey[]; readonly limit: number; readonly after: string | null } {
  return { sort: parseSort(sort ?? own), limit: MAX_PAGE, after };
}

interface Exported<Row> {
  readonly page: (after: string | null) => Promise<Page<Row>>;
  readonly columns: readonly CsvColumn<Row>[];
  readonly lines: (rows: readonly Row[]) => Iterable<ExportLine> | AsyncIterable<ExportLine>;
}

async function file<Row>(
  what: string,
  format: 'csv' | 'ndjson',
  limit: number,
  exported: Exported<Row>,
): Promise<FileAnswer> {
  // A query that is not valid fails before the file begins.
  const first = await exported.page(null);
  return new FileAnswer(
    format === 'csv' ? CSV_TYPE : NDJSON_TYPE,
    `${what}.${format}`,
    format === 'csv' ? csvOf(exported, first, limit) : linesOf(exported, first, limit),
  );
}

async function* pages<Row>(
  { page }: Exported<Row>,
  first: Page<Row>,
  limit: number,
): AsyncGenerator<readonly Row[]> {
  let found = first;
  let left = limit;
  for (;;) {
    yield found.rows.slice(0, left);
    left -= found.rows.length;
    if (found.next === null || left <= 0) return;
    found = await page(found.next);
  }
}

async function* csvOf<Row>(exported: Exported<Row>, first: Page<Row>, limit: number): AsyncGenerator<string> {
  const { columns } = exported;
  yield csvHeader(columns);
  for await (const rows of pages(exported, first, limit)) yield csvRows(columns, rows);
}

async function* linesOf<Row>(
  exported: Exported<Row>,
  first: Page<Row>,
  limit: number,
): AsyncGenerator<string> {
  for await (const rows of pages(exported, first, limit))
    for await (const line of exported.lines(rows)) yield `${safeJson(line)}\n`;
}

async function entries<S extends StreamName>(
  parts: ApiParts,
  stream: S,
  { format, limit, ...question }: { readonly format: 'csv' | 'ndjson'; readonly limit: number },
  { now }: Call,
  columns: readonly CsvColumn<StreamEntries[S]>[],
): Promise<FileAnswer> {
  const journal = await parts.journal();
  const filter = await journalFilterOf(parts, stream, question, now);
  async function* content(): AsyncGenerator<string> {
    if (format === 'csv') yield csvHeader(columns);
    for await (const page of newestEntries(journal, stream, filter, limit)) {
      yield format === 'csv' ? csvRows(columns, page.entries) : page.entries.map(entryLine).join('');
      await nextTurn();
    }
  }
  return new FileAnswer(format === 'csv' ? CSV_TYPE : NDJSON_TYPE, `${stream}.${format}`, content());
}
