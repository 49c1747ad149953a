// Owns what a store does with the reports of feeds on users: joins an observation with what its source said before, and puts
// the effective user together from all sources. Pure.
import type { UserKey } from '../identity/keys.ts';
import { NO_GROUPS } from '../identity/user-names.ts';
import type { UserNames } from '../identity/user-names.ts';
import {
  MAX_ALIASES,
  boundAttributes,
  boundGroups,
  boundNames,
  boundText,
  receivedAt,
  wholeGroups,
} from '../model/report-bounds.ts';
import type { UserObservation, UserRecord, UserReport } from '../model/user.ts';
import { decidesRemoval, either, inOrder, isAlike, isOlder } from './device-reports.ts';
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
  const was = before ?? NEVER_REPORTED;
  const aliases = either(observation.aliases, was.aliases);
  const groups = removed ? null : either(observation.groups, was.groups);
  const report: UserReport = {
    key: observation.key,
    source: observation.source,
    observedAt,
    version,
    aliases: aliases === null ? null : boundAliases(aliases, observation.key),
    groups: groups === null ? null : boundGroups(groups),
    // An account that comes back after a removal is not known to be enabled.
    enabled: removed ? false : either(observation.enabled, was.removed === true ? null : was.enabled),
    attributes: removed ? null : boundAttributes(either(observation.attributes, was.attributes)),
    sourceId: boundText(either(observation.sourceId, was.sourceId)),
    removed: removed ? true : null,
  };
  return { report, isNews: before === null || !sameFacts(before, report) || decidesRemoval(report, others) };
}

/** Without the user's own name. */
function boundAliases(said: readonly string[], key: UserKey): string[] {
  return boundNames(said.includes(key) ? said.filter((alias) => alias !== key) : said, MAX_ALIASES);
}

const FACTS = ['aliases', 'groups', 'enabled', 'attributes', 'removed'] as const;

function sameFacts(a: UserReport, b: UserReport): boolean {
  return FACTS.every((name) => isAlike(a[name], b[name]));
}

/**
 * The effective user: each field from the first source in the order that says something, the names from all. `reports`: those under all names of
 * the user; of one source, those under `key` come first. If the account is disabled under one name, the user is disabled. Null = there are no
 * reports on the user.
 */
export function effectiveUser(
  key: UserKey,
  reports: readonly UserReport[],
  order: SourceOrder,
  names: UserNames = NO_GROUPS,
): UserRecord | null {
  const [only] = reports;
  if (only === undefined) return null;
  if (reports.length === 1) return userOfReport(key, only);
  const ordered = inOrder(reports, order);
  const present = ordered.filter((report) => report.removed !== true);
  return {
    key,
    aliases: otherNames(
      key,
      ordered.flatMap((report) => [report.key, ...(report.aliases ?? [])]),
    ),
    groups: wholeGroups(present.find((report) => report.groups !== null)?.groups ?? null),
    enabled: enabledUnderAll(withoutRenamed(ordered, ordered, names), key),
    attributes: Object.assign({}, ...ordered.map((report) => report.attributes ?? {}).toReversed()),
  };
}

/**
 * Without removals by a source that gave the user another main name: it has the user there by the same id, or the old name is an alias of the
 * new one. Threat: who names a colleague as an alias of his own before he leaves is not removed. `known`: all reports on the user.
 */
export function withoutRenamed(
  reports: readonly UserReport[],
  known: readonly UserReport[],
  names: UserNames,
): readonly UserReport[] {
  return reports.filter(
    (report) =>
      report.removed !== true ||
      !known.some((other) => other.source === report.source && isNewName(other, report, known, names)),
  );
}

/** Whether a report of the same source has the user of a removed one under another name. */
function isNewName(
  { key, sourceId, removed }: UserReport,
  old: UserReport,
  known: readonly UserReport[],
  names: UserNames,
): boolean {
  if (removed === true || key === old.key) return false;
  if (names.same(key, old.key) || (sourceId !== null && sourceId === old.sourceId)) return true;
  return known.some(
    (one) =>
      one.removed !== true &&
      names.same(one.key, key) &&
      one.aliases?.some((alias) => names.same(alias as UserKey, old.key)) === true,
  );
}

/** Like {@link effectiveUser} for a single report, as most users have: this makes walks over all users faster. */
function userOfReport(
  user: UserKey,
  { key, aliases, groups, enabled, attributes, removed }: UserReport,
): UserRecord {
  const names = aliases ?? NO_ALIASES;
  return {
    key: user,
    aliases: otherNames(user, key === user ? names : [key, ...names]),
    groups: removed === true ? null : wholeGroups(groups),
    enabled,
    attributes: attributes ?? NO_ATTRIBUTES,
  };
}

const NO_ALIASES: readonly UserKey[] = Object.freeze([]);
const NO_ATTRIBUTES: UserRecord['attributes'] = Object.freeze({});

/** Each once, without `key`. */
function otherNames(key: UserKey, aliases: readonly string[]): readonly UserKey[] {
  const isPlain = aliases.length < 2 && aliases[0] !== key;
  if (isPlain) return aliases as readonly UserKey[];
  const names = new Set(aliases);
  names.delete(key);
  return [...names] as UserKey[];
}

/** False if the account is disabled under one name, whatever the others are. */
function enabledUnderAll(reports: readonly UserReport[], user: UserKey): boolean | null {
  if (reports.every(({ key }) => key === user)) return enabledBy(reports);
  let isEnabled: boolean | null = null;
  for (const own of Map.groupBy(reports, ({ key }) => key).values()) {
    const enabled = enabledBy(own);
    if (enabled === false) return false;
    isEnabled ??= enabled;
  }
  return isEnabled;
}

/** Whether the account of one name is enabled: by the first source that reports it; a removal counts only if no other source observed the account later. */
export function enabledBy(reports: readonly UserReport[]): boolean | null {
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
