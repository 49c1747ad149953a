// Owns what a store does with the reports of feeds on users: joins an observation with what its source said before, and puts
// the effective user together from all sources. Pure.
import type { UserKey } from '../identity/keys.ts';
import {
  MAX_ALIASES,
  MAX_GROUPS,
  boundAttributes,
  boundNames,
  boundTexts,
  receivedAt,
} from '../model/report-bounds.ts';
import type { UserObservation, UserRecord, UserReport } from '../model/user.ts';
import { beatsRemoval, inOrder, isAlike, isOlder, withoutAbsent } from './device-reports.ts';
import type { Joined, SourceOrder } from './device-reports.ts';

const NEVER_REPORTED: Omit<UserReport, 'key' | 'source' | 'observedAt'> = {
  version: 0,
  aliases: null,
  groups: null,
  enabled: null,
  attributes: null,
  sourceId: null,
  removed: null,
};

/** As for devices (device-reports.ts): null = the stored report is newer. */
export function joinUserReport(
  before: UserReport | null,
  observation: UserObservation,
  now: number,
  others: readonly UserReport[] = [],
): Joined<UserReport> | null {
  const observedAt = receivedAt(observation.observedAt, now);
  const version = observation.version ?? 0;
  if (before !== null && isOlder(observedAt, version, before)) return null;
  const removed = observation.removed === true;
  const said = { ...NEVER_REPORTED, ...kept(before, removed), ...withoutAbsent(observation) };
  const report: UserReport = {
    ...said,
    ...boundTexts(said, ['sourceId']),
    version,
    observedAt,
    aliases: boundNames(said.aliases?.filter((alias) => alias !== observation.key) ?? null, MAX_ALIASES),
    groups: boundNames(said.groups, MAX_GROUPS),
    enabled: removed ? false : said.enabled,
    attributes: boundAttributes(said.attributes),
    removed: removed ? true : null,
  };
  return { report, isNews: before === null || !sameFacts(before, report) || beatsRemoval(report, others) };
}

/** What a report keeps of the one before. An account that comes back after a removal is not known to be enabled. */
function kept(before: UserReport | null, removed: boolean): Partial<UserReport> {
  if (before === null) return {};
  if (!removed) return before.removed === true ? { ...before, enabled: null } : before;
  return { aliases: before.aliases, sourceId: before.sourceId };
}

const FACTS = ['aliases', 'groups', 'enabled', 'attributes', 'removed'] as const;

function sameFacts(a: UserReport, b: UserReport): boolean {
  return FACTS.every((name) => isAlike(a[name], b[name]));
}

/**
 * The effective user: each field from the first source in the order that says something, the names from all. Null = no source
 * knows the user.
 */
export function effectiveUser(
  key: UserKey,
  reports: readonly UserReport[],
  order: SourceOrder,
): UserRecord | null {
  const ordered = inOrder(reports, order);
  if (ordered.length === 0) return null;
  const aliases = new Set(ordered.flatMap((report) => report.aliases ?? []));
  aliases.delete(key);
  const present = ordered.filter((report) => report.removed !== true);
  const enabled = enabledBy(ordered);
  return {
    key,
    aliases: [...aliases] as UserKey[],
    groups: present.find((report) => report.groups !== null)?.groups ?? null,
    enabled,
    attributes: Object.assign({}, ...ordered.map((report) => report.attributes ?? {}).toReversed()),
  };
}

/** What the first source says; a removal only where no other source observed the account later. */
function enabledBy(reports: readonly UserReport[]): boolean | null {
  for (const report of reports) {
    if (report.enabled === null) continue;
    const isBeaten =
      report.removed === true &&
      reports.some(
        (other) => other.removed !== true && other.enabled !== null && other.observedAt > report.observedAt,
      );
    if (!isBeaten) return report.enabled;
  }
  return null;
}
