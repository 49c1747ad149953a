// Owns what a store does with the reports of feeds on users: joins an observation with what its source said before, and puts
// the effective user together from all sources. Pure.
import type { UserKey } from '../identity/keys.ts';
import { boundAttributes, receivedAt } from '../model/report-bounds.ts';
import type { UserObservation, UserRecord, UserReport } from '../model/user.ts';
import { inOrder } from './device-reports.ts';
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

/** Joins an observation with what the same source said before; null = the stored report is newer. */
export function joinUserReport(
  before: UserReport | null,
  observation: UserObservation,
  now: number,
): Joined<UserReport> | null {
  const observedAt = receivedAt(observation.observedAt, now);
  const version = observation.version ?? 0;
  if (
    before !== null &&
    (observedAt < before.observedAt || (observedAt === before.observedAt && version < before.version))
  )
    return null;
  const removed = observation.removed === true;
  const kept = removed ? { aliases: before?.aliases ?? null, sourceId: before?.sourceId ?? null } : before;
  const said = { ...NEVER_REPORTED, ...kept, ...withoutAbsent(observation) };
  const report: UserReport = {
    ...said,
    key: observation.key,
    source: observation.source,
    version,
    observedAt,
    aliases:
      said.aliases === null
        ? null
        : canonicalTexts(said.aliases.filter((alias) => alias !== observation.key)),
    groups: said.groups === null ? null : canonicalTexts(said.groups),
    enabled: removed ? false : said.enabled,
    attributes: boundAttributes(said.attributes),
    removed: removed ? true : null,
  };
  return { report, isNews: before === null || !sameFacts(before, report) };
}

function withoutAbsent(observation: UserObservation): UserObservation {
  const said: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(observation)) if (value !== undefined) said[name] = value;
  return said as unknown as UserObservation;
}

/** The order of names and groups has no meaning: sorted, so that a source that lists them in another order brings no news. */
function canonicalTexts(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

const FACTS = ['aliases', 'groups', 'enabled', 'attributes', 'removed'] as const;

function sameFacts(a: UserReport, b: UserReport): boolean {
  return FACTS.every((name) => a[name] === b[name] || JSON.stringify(a[name]) === JSON.stringify(b[name]));
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
