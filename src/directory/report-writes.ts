// Owns what a store writes for an observation, from the texts that it holds of the device or user. No I/O.
import type { UserKey } from '../identity/keys.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { deviceReportText, readDeviceReport, readRemoved } from '../model/device.ts';
import type { DeviceObservation, DeviceReport } from '../model/device.ts';
import { readUserReport, userReportText } from '../model/user.ts';
import type { UserObservation, UserReport } from '../model/user.ts';
import { joinDeviceReport } from './device-reports.ts';
import type { ReportOutcome } from './device-reports.ts';
import type { SourceText } from './stored-records.ts';
import { joinUserReport } from './user-reports.ts';

/** The source of older records that name none. No feed writes over these, so a malformed one ends with the next report. */
export const NO_SOURCE = 'unknown';

/** What to write; `text` null = nothing. */
export interface ReportWrite {
  readonly outcome: ReportOutcome;
  readonly text: string | null;
  /** Sources whose records are to be removed: malformed ones that belong to no feed. */
  readonly obsolete: readonly string[];
}

/** What to write of a user, and the reports of all sources then. */
export interface UserReportWrite extends ReportWrite {
  readonly before: readonly UserReport[];
  readonly after: readonly UserReport[];
}

const NONE: readonly never[] = Object.freeze([]);
const OLDER = { outcome: 'older', text: null, obsolete: [] } as const;

/** `stored`: the reports of all sources on this device. */
export function writeOfDevice(
  stored: readonly SourceText[],
  observation: DeviceObservation,
  now: number,
): ReportWrite {
  const { key, source } = observation;
  if (stored.length === 0) return writeOfNewDevice(observation, now);
  const read = (from: string, text: string): DeviceReport => readDeviceReport(key, from, text);
  // Of others only whether they removed it counts, and of a report that belongs to no feed, whether it is understood.
  const { own, others, obsolete } = readReports(stored, source, read, (from, text) =>
    from === NO_SOURCE ? read(from, text) : readRemoved(key, from, text),
  );
  const joined = joinDeviceReport(own, observation, now, others);
  if (joined === null) return OLDER;
  const isNews = joined.isNews || obsolete.length > 0;
  return { outcome: isNews ? 'news' : 'stored', text: deviceReportText(joined.report), obsolete };
}

/** The first report on a device, as most of an import: what is needed to compare it with others is not made. */
export function writeOfNewDevice(observation: DeviceObservation, now: number): ReportWrite {
  const joined = joinDeviceReport(null, observation, now);
  if (joined === null) return OLDER;
  return { outcome: 'news', text: deviceReportText(joined.report), obsolete: NONE };
}

/** `stored`: the reports of all sources on this user. */
export function writeOfUser(
  stored: readonly SourceText[],
  observation: UserObservation,
  now: number,
): UserReportWrite {
  const { key, source } = observation;
  const read = (from: string, text: string): UserReport => readUserReport(key, from, text);
  const { own, others, obsolete } = readReports(stored, source, read, read);
  const before = own === null ? others : [...others, own];
  const joined = joinUserReport(own, observation, now, others);
  if (joined === null) return { ...OLDER, before, after: before };
  return {
    outcome: joined.isNews || obsolete.length > 0 ? 'news' : 'stored',
    text: userReportText(joined.report),
    obsolete,
    before,
    after: [...others, joined.report],
  };
}

interface Reports<Report, Other> {
  /** Null = the source reported nothing, or its report is malformed: it is written anew. */
  readonly own: Report | null;
  readonly others: readonly Other[];
  readonly obsolete: readonly string[];
}

const NOTHING = { own: null, others: [], obsolete: [] } as const;

function readReports<Report, Other>(
  stored: readonly SourceText[],
  source: string,
  read: (source: string, text: string) => Report,
  readOther: (source: string, text: string) => Other,
): Reports<Report, Other> {
  if (stored.length === 0) return NOTHING;
  let own: Report | null = null;
  const others: Other[] = [];
  const obsolete: string[] = [];
  for (const { source: from, text } of stored) {
    try {
      if (from === source) own = read(from, text);
      else others.push(readOther(from, text));
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      if (from === NO_SOURCE && from !== source) obsolete.push(from);
    }
  }
  return { own, others, obsolete };
}

/** The reports of one device or user once one of them was written. */
export function reportsAfter(
  before: readonly SourceText[],
  written: SourceText,
  obsolete: readonly string[],
): readonly SourceText[] {
  if (before.length === 0) return [written];
  const others = before.filter(({ source }) => source !== written.source && !obsolete.includes(source));
  return [...others, written];
}

/** The names of users that reports name as aliases. */
export function aliasesIn(reports: readonly UserReport[]): Set<UserKey> {
  const found = new Set<UserKey>();
  for (const { aliases } of reports) for (const alias of aliases ?? []) found.add(alias as UserKey);
  return found;
}
