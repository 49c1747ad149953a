// Owns what a store does with the reports of feeds on devices: joins an observation with what its source said before, and puts
// the effective device together from all sources. Pure.
import type { DeviceKey } from '../identity/keys.ts';
import type { DeviceObservation, DeviceRecord, DeviceReport } from '../model/device.ts';
import { boundAttributes, boundRequirements, receivedAt } from '../model/report-bounds.ts';

/** The order of precedence of sources: configured feeds first, in their order, then others by name, imports last. */
export type SourceOrder = readonly string[];

/** The outcome of one report. `news` = it may change a verdict. */
export type ReportOutcome = 'news' | 'stored' | 'older';

/** The report to store; null = it is older than what is stored. */
export interface Joined<Report> {
  readonly report: Report;
  readonly isNews: boolean;
}

const NEVER_REPORTED: Omit<DeviceReport, 'key' | 'source' | 'observedAt'> = {
  version: 0,
  managed: null,
  compliant: null,
  encrypted: null,
  compromised: null,
  platform: null,
  osVersion: null,
  model: null,
  owner: null,
  lastCheckIn: null,
  serialNumber: null,
  unmetRequirements: [],
  reportedSince: null,
  managedUnmetSince: null,
  compliantUnmetSince: null,
  encryptedUnmetSince: null,
  compromisedUnmetSince: null,
  mailProfileUnmetSince: null,
  managedMailProfile: null,
  ownership: null,
  os: null,
  manufacturer: null,
  graceUntil: null,
  attributes: null,
  sourceId: null,
  udid: null,
  imei: null,
  removed: null,
};

/**
 * Joins an observation with what the same source said before: absent fields stay, a removal forgets all but the names. `now`
 * bounds the time of observation. Null = the stored report is newer.
 */
export function joinDeviceReport(
  before: DeviceReport | null,
  observation: DeviceObservation,
  now: number,
): Joined<DeviceReport> | null {
  const observedAt = receivedAt(observation.observedAt, now);
  const version = observation.version ?? 0;
  if (before !== null && isOlder(observedAt, version, before)) return null;
  const removed = observation.removed === true;
  const base = before === null || removed ? namesOf(before) : before;
  const said: DeviceReport = {
    ...NEVER_REPORTED,
    ...base,
    ...withoutAbsent(observation),
    version,
    observedAt,
    removed: removed ? true : null,
  };
  const report: DeviceReport = {
    ...said,
    managed: removed ? false : said.managed,
    unmetRequirements: boundRequirements(said.unmetRequirements),
    attributes: boundAttributes(said.attributes),
    reportedSince: before?.reportedSince ?? observedAt,
    managedUnmetSince: unmetSince(!removed && said.managed === true, before?.managedUnmetSince, observedAt),
    compliantUnmetSince: unmetSince(said.compliant === true, before?.compliantUnmetSince, observedAt),
    encryptedUnmetSince: unmetSince(said.encrypted === true, before?.encryptedUnmetSince, observedAt),
    compromisedUnmetSince: unmetSince(said.compromised === false, before?.compromisedUnmetSince, observedAt),
    mailProfileUnmetSince: unmetSince(
      said.managedMailProfile === true,
      before?.mailProfileUnmetSince,
      observedAt,
    ),
  };
  return { report, isNews: before === null || !sameFacts(before, report) };
}

function isOlder(observedAt: number, version: number, before: DeviceReport): boolean {
  return observedAt < before.observedAt || (observedAt === before.observedAt && version < before.version);
}

function namesOf(before: DeviceReport | null): Partial<DeviceReport> {
  if (before === null) return {};
  const { model, platform, owner, serialNumber, sourceId, udid, imei } = before;
  return { model, platform, owner, serialNumber, sourceId, udid, imei };
}

function withoutAbsent(observation: DeviceObservation): DeviceObservation {
  const said: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(observation)) if (value !== undefined) said[name] = value;
  return said as unknown as DeviceObservation;
}

/** Since when a value has not been the good one, whatever it changed between meanwhile. */
function unmetSince(isGood: boolean, before: number | null | undefined, observedAt: number): number | null {
  return isGood ? null : (before ?? observedAt);
}

/** Times that only move on (last check-in, observation) are no news: what they make expire is read again at that moment. */
const NO_NEWS: ReadonlySet<string> = new Set(['observedAt', 'version', 'lastCheckIn', 'sourceId']);

function sameFacts(a: DeviceReport, b: DeviceReport): boolean {
  for (const name of FACTS) {
    const [one, other] = [a[name], b[name]];
    if (one === other) continue;
    if (typeof one !== 'object' || typeof other !== 'object' || JSON.stringify(one) !== JSON.stringify(other))
      return false;
  }
  return true;
}

const FACTS = (Object.keys(NEVER_REPORTED) as (keyof DeviceReport)[]).filter((name) => !NO_NEWS.has(name));

/** The reports in the order of precedence. */
export function inOrder<Report extends { readonly source: string }>(
  reports: readonly Report[],
  order: SourceOrder,
): readonly Report[] {
  if (reports.length < 2) return reports;
  return reports.toSorted(
    (a, b) => rankOf(a.source, order) - rankOf(b.source, order) || (a.source < b.source ? -1 : 1),
  );
}

/** Reports that were imported by hand come last. */
export const IMPORT_SOURCE = 'import';

function rankOf(source: string, order: SourceOrder): number {
  const at = order.indexOf(source);
  if (at !== -1) return at;
  return source === IMPORT_SOURCE ? order.length + 1 : order.length;
}

/**
 * The effective device: each field from the first source in the order that says something. A removal counts as `managed: false`
 * at the place of its source, unless another source observed the device later. Null = no source knows the device.
 */
export function effectiveDevice(
  key: DeviceKey,
  reports: readonly DeviceReport[],
  order: SourceOrder,
): DeviceRecord | null {
  const [first, ...others] = inOrder(reports, order);
  if (first === undefined) return null;
  if (others.length === 0) return { ...first, key, attributes: first.attributes ?? NO_ATTRIBUTES };
  const effective: Record<string, unknown> = {
    ...first,
    attributes: Object.assign({}, ...[...others, first].map((report) => report.attributes ?? {})),
  };
  for (const report of others) {
    for (const name of VALUES) effective[name] ??= report[name];
    effective['observedAt'] = Math.max(Number(effective['observedAt']), report.observedAt);
    effective['reportedSince'] = earliest(effective['reportedSince'], report.reportedSince);
  }
  for (const [value, since, isGood] of UNMET) {
    const source = [first, ...others].find((report) => report[value] !== null);
    effective[since] = effective[value] === isGood ? null : (source?.[since] ?? null);
  }
  const requirements = [first, ...others].find(({ compliant }) => compliant !== null) ?? first;
  effective['unmetRequirements'] = requirements.unmetRequirements;
  const managing = managedBy([first, ...others]);
  effective['managed'] = managing?.managed ?? null;
  effective['managedUnmetSince'] = managing?.managedUnmetSince ?? null;
  effective['removed'] = managing?.removed ?? null;
  effective['source'] = (managing ?? first).source;
  effective['key'] = key;
  return effective as unknown as DeviceRecord;
}

const NO_ATTRIBUTES: Readonly<Record<string, never>> = Object.freeze({});

/** Values that come from the first source that says something. */
const VALUES = FACTS.filter(
  (name) =>
    !['attributes', 'unmetRequirements', 'removed', 'reportedSince', 'managed'].includes(name) &&
    !name.endsWith('UnmetSince'),
).concat('lastCheckIn');

/** A value, since when it is unmet, and which value is the good one. */
const UNMET = [
  ['compliant', 'compliantUnmetSince', true],
  ['encrypted', 'encryptedUnmetSince', true],
  ['compromised', 'compromisedUnmetSince', false],
  ['managedMailProfile', 'mailProfileUnmetSince', true],
] as const;

function earliest(a: unknown, b: number | null): number | null {
  if (typeof a !== 'number') return b;
  return b === null ? a : Math.min(a, b);
}

/** The report that says whether the device is managed: of a removal, only where nobody observed the device later. */
function managedBy(reports: readonly DeviceReport[]): DeviceReport | null {
  for (const report of reports) {
    if (report.managed === null) continue;
    const isBeaten =
      report.removed === true &&
      reports.some(
        (other) =>
          other !== report &&
          other.removed !== true &&
          other.managed !== null &&
          other.observedAt > report.observedAt,
      );
    if (!isBeaten) return report;
  }
  return null;
}
