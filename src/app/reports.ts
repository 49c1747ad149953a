// Owns the reports over the whole directory: which phones each lists, and their numbers by reason, group, model and last activity.
import { findDuplicates, findNearMisses } from '../directory/read-model/similar-devices.ts';
import type { Duplicate, NearMiss } from '../directory/read-model/similar-devices.ts';
import type { ModelFilter } from '../directory/read-model/model-filter.ts';
import type {
  ModelOrder,
  ModelPage,
  ModelReader,
  NamedCount,
  SeenCounts,
} from '../directory/read-model/model-reader.ts';
import type { ModelRow } from '../directory/read-model/model-row.ts';
import { textsIn } from '../directory/read-model/model-schema.ts';
import { everyPhone } from './device-list.ts';
import type { PageCursor } from '../directory/read-model/model-page.ts';
import { NamedCounts, addSeen, newCounts } from './seen-counts.ts';

/** A report that lists phones; others list pairs of devices. */
export type PhoneReportName = 'inventory' | 'blocked' | 'stale' | 'exceptions';

/** Numbers of a report: 100 of each kind at most, the most first. */
export interface ReportCounts {
  readonly total: SeenCounts;
  readonly byReason: readonly NamedCount[];
  /** Each group of a user counts; null = the user is in none, or no feed knows. */
  readonly byGroup: readonly NamedCount[];
  readonly byModel: readonly NamedCount[];
}

/** A report. */
export interface Report<Row, Rows extends Iterable<Row> = Iterable<Row>> {
  readonly name: string;
  readonly counts: ReportCounts;
  readonly rows: Rows;
}

/** Most pairs of one report. */
const MAX_PAIRS = 100_000;

/** What a report is asked for. Times: milliseconds since the epoch. */
export interface ReportQuestion {
  readonly now: number;
  /** For `stale`: not seen since then. */
  readonly unseenSince: number;
  /** For `exceptions`: that end before this moment; null = all of them. */
  readonly endsBefore: number | null;
}

/** A report over phones; rows are read while they are taken. */
export function phoneReport(
  reader: ModelReader,
  name: PhoneReportName,
  question: ReportQuestion,
): Report<ModelRow> {
  return {
    name,
    counts: phoneCounts(reader, name, question),
    rows: everyPhone(reader, reportFilter(name, question), ORDERS[name]),
  };
}

/** The numbers of a report over phones. */
export function phoneCounts(
  reader: ModelReader,
  name: PhoneReportName,
  question: ReportQuestion,
): ReportCounts {
  const filter = reportFilter(name, question);
  const { now } = question;
  return {
    total: reader.count(filter, now),
    byReason: reader.countBy('reason', filter, now),
    byGroup: reader.countBy('groups', filter, now),
    byModel: reader.countBy('model', filter, now),
  };
}

/** One page of the phones of a report; `after` null = the first one. */
export function phoneRows(
  reader: ModelReader,
  name: PhoneReportName,
  question: ReportQuestion,
  limit: number,
  after: PageCursor | null,
): ModelPage {
  return reader.page(reportFilter(name, question), [ORDERS[name]], limit, after);
}

/** What looks like one phone twice. */
export function duplicateReport(reader: ModelReader, now: number): Report<Duplicate, readonly Duplicate[]> {
  const rows = findDuplicates(reader, MAX_PAIRS);
  return { name: 'duplicates', counts: countPairs(rows, now), rows };
}

/** Reported devices that may be phones which no feed reports. */
export function nearMissReport(reader: ModelReader, now: number): Report<NearMiss, readonly NearMiss[]> {
  const rows = findNearMisses(reader, MAX_PAIRS);
  return { name: 'near-misses', counts: countPairs(rows, now), rows };
}

/** How many phones a report lists. */
export function countPhones(reader: ModelReader, name: PhoneReportName, question: ReportQuestion): number {
  return reader.count(reportFilter(name, question), question.now).all;
}

/** The order of a report over phones. */
export function phoneOrder(name: PhoneReportName): ModelOrder {
  return ORDERS[name];
}

const ORDERS: Readonly<Record<PhoneReportName, ModelOrder>> = {
  inventory: { field: 'user', descending: false },
  blocked: { field: 'lastSeen', descending: true },
  stale: { field: 'lastSeen', descending: false },
  exceptions: { field: 'exceptionExpiresAt', descending: false },
};

function reportFilter(name: PhoneReportName, { now, unseenSince, endsBefore }: ReportQuestion): ModelFilter {
  if (name === 'blocked') return { states: ['quarantined', 'blocked'] };
  if (name === 'stale') return { unseenSince };
  if (name === 'exceptions') return { exceptionsAt: now, exceptionsEndBefore: endsBefore ?? undefined };
  return {};
}

interface Pair {
  readonly reason: string | null;
  readonly model: string | null;
  readonly groups: string | null;
  readonly lastSeen: number | null;
}

function countPairs(rows: readonly Pair[], now: number): ReportCounts {
  const total = newCounts();
  const reasons = new NamedCounts<string | null>();
  const groups = new NamedCounts<string | null>();
  const models = new NamedCounts<string | null>();
  for (const { reason, model, groups: stored, lastSeen } of rows) {
    const named = textsIn(stored) ?? [];
    addSeen(total, lastSeen, now);
    reasons.add(reason, lastSeen, now);
    models.add(model, lastSeen, now);
    for (const group of named.length === 0 ? [null] : named) groups.add(group, lastSeen, now);
  }
  return { total, byReason: reasons.listed(), byGroup: groups.listed(), byModel: models.listed() };
}
