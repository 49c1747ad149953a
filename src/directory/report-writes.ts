// Owns what a store writes for an observation, from the texts that it holds of the device or user. No I/O.
import type { UserKey } from '../identity/keys.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { deviceReportText, readDeviceReport } from '../model/device.ts';
import type { DeviceObservation } from '../model/device.ts';
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

const OLDER = { outcome: 'older', text: null, obsolete: [] } as const;

/** `stored`: the reports of all sources on this device. */
export function writeOfDevice(
  stored: readonly SourceText[],
  observation: DeviceObservation,
  now: number,
): ReportWrite {
  const { key, source } = observation;
  const { own, others, obsolete } = readReports(stored, source, (from, text) =>
    readDeviceReport(key, from, text),
  );
  const joined = joinDeviceReport(own, observation, now, others);
  if (joined === null) return OLDER;
  const isNews = joined.isNews || obsolete.length > 0;
  return { outcome: isNews ? 'news' : 'stored', text: deviceReportText(joined.report), obsolete };
}

/** `stored`: the reports of all sources on this user. */
export function writeOfUser(
  stored: readonly SourceText[],
  observation: UserObservation,
  now: number,
): UserReportWrite {
  const { key, source } = observation;
  const { own, others, obsolete } = readReports(stored, source, (from, text) =>
    readUserReport(key, from, text),
  );
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

interface Reports<Report> {
  /** Null = the source reported nothing, or its report is malformed: it is written anew. */
  readonly own: Report | null;
  readonly others: readonly Report[];
  readonly obsolete: readonly string[];
}

const NOTHING = { own: null, others: [], obsolete: [] } as const;

function readReports<Report>(
  stored: readonly SourceText[],
  source: string,
  read: (source: string, text: string) => Report,
): Reports<Report> {
  if (stored.length === 0) return NOTHING;
  let own: Report | null = null;
  const others: Report[] = [];
  const obsolete: string[] = [];
  for (const { source: from, text } of stored) {
    try {
      const report = read(from, text);
      if (from === source) own = report;
      else others.push(report);
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      if (from === NO_SOURCE && from !== source) obsolete.push(from);
    }
  }
  return { own, others, obsolete };
}

/** The names of users that reports name as aliases. */
export function aliasesIn(reports: readonly UserReport[]): Set<UserKey> {
  return new Set(reports.flatMap(({ aliases }) => aliases ?? []) as UserKey[]);
}
