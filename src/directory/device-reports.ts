// Owns what a store does with the reports of feeds on devices: joins an observation with what its source said before, and puts
// the effective device together from all sources. Pure.
import type { DeviceKey } from '../identity/keys.ts';
import type { DeviceObservation, DeviceRecord, DeviceReport, DeviceValues } from '../model/device.ts';
import { boundAttributes, boundRequirements, boundText, receivedAt } from '../model/report-bounds.ts';

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

/** A value, since when it is unmet, and which value is the good one. */
const UNMET = [
  ['managed', 'managedUnmetSince', true],
  ['compliant', 'compliantUnmetSince', true],
  ['encrypted', 'encryptedUnmetSince', true],
  ['compromised', 'compromisedUnmetSince', false],
  ['managedMailProfile', 'mailProfileUnmetSince', true],
] as const;

type Unmet = (typeof UNMET)[number];

/**
 * Joins an observation with what the same source said before: absent fields stay, a removal forgets all but the names. `now`
 * bounds the time of observation. `others`: what other sources say. Null = the stored report is newer.
 */
export function joinDeviceReport(
  before: DeviceReport | null,
  observation: DeviceObservation,
  now: number,
  others: readonly Pick<DeviceReport, 'removed'>[] = [],
): Joined<DeviceReport> | null {
  const observedAt = receivedAt(observation.observedAt, now);
  const version = observation.version ?? 0;
  if (before !== null && isOlder(observedAt, version, before)) return null;
  const removed = observation.removed === true;
  const was = before === null ? NEVER_REPORTED : removed ? { ...NEVER_REPORTED, ...namesOf(before) } : before;
  const said = removed ? namesOf(observation) : observation;
  const report = reportOf(before, was, said, { observation, observedAt, version, now });
  return { report, isNews: before === null || !sameFacts(before, report) || decidesRemoval(report, others) };
}

/** Values of a new report that are not copied from the observation unchanged. */
interface Receipt {
  readonly observation: DeviceObservation;
  readonly observedAt: number;
  readonly version: number;
  readonly now: number;
}

/**
 * Merges an observation into the report before it. Field by field: loops over field names take three times as long, which slows imports.
 * `was`: the values that stay where `said` has none.
 */
function reportOf(
  before: DeviceReport | null,
  was: Omit<DeviceReport, 'key' | 'source' | 'observedAt'>,
  said: Partial<DeviceObservation>,
  { observation: { key, source, removed }, observedAt, version, now }: Receipt,
): DeviceReport {
  // A device that comes back after a removal is not known to be managed.
  const managed = removed === true ? false : either(said.managed, was.removed === true ? null : was.managed);
  const compliant = either(said.compliant, was.compliant);
  const encrypted = either(said.encrypted, was.encrypted);
  const compromised = either(said.compromised, was.compromised);
  const managedMailProfile = either(said.managedMailProfile, was.managedMailProfile);
  const lastCheckIn = either(said.lastCheckIn, was.lastCheckIn);
  const unmet = either(said.unmetRequirements, was.unmetRequirements);
  // Another tool may have written a report without these times: then the time of its observation counts.
  const earlier = before === null ? observedAt : before.observedAt;
  const since = (isMet: boolean, wasMet: boolean, unmetBefore: number | null | undefined): number | null =>
    isMet ? null : wasMet ? observedAt : (unmetBefore ?? earlier);
  return {
    key,
    source,
    observedAt,
    version,
    managed,
    compliant,
    encrypted,
    compromised,
    platform: boundText(either(said.platform, was.platform)),
    osVersion: boundText(either(said.osVersion, was.osVersion)),
    model: boundText(either(said.model, was.model)),
    owner: boundText(either(said.owner, was.owner)),
    lastCheckIn: lastCheckIn === null ? null : receivedAt(lastCheckIn, now),
    serialNumber: boundText(either(said.serialNumber, was.serialNumber)),
    unmetRequirements: unmet.length > 0 ? boundRequirements(unmet) : unmet,
    reportedSince: before?.reportedSince ?? earlier,
    managedUnmetSince: since(managed === true, before?.managed === true, before?.managedUnmetSince),
    compliantUnmetSince: since(compliant === true, before?.compliant === true, before?.compliantUnmetSince),
    encryptedUnmetSince: since(encrypted === true, before?.encrypted === true, before?.encryptedUnmetSince),
    compromisedUnmetSince: since(
      compromised === false,
      before?.compromised === false,
      before?.compromisedUnmetSince,
    ),
    mailProfileUnmetSince: since(
      managedMailProfile === true,
      before?.managedMailProfile === true,
      before?.mailProfileUnmetSince,
    ),
    managedMailProfile,
    ownership: either(said.ownership, was.ownership),
    os: boundText(either(said.os, was.os)),
    manufacturer: boundText(either(said.manufacturer, was.manufacturer)),
    graceUntil: either(said.graceUntil, was.graceUntil),
    attributes: boundAttributes(either(said.attributes, was.attributes)),
    sourceId: boundText(either(said.sourceId, was.sourceId)),
    udid: boundText(either(said.udid, was.udid)),
    imei: boundText(either(said.imei, was.imei)),
    removed: removed === true ? true : null,
  };
}

/** The value of an observation, or the one reported before where the observation has none. */
export function either<T>(said: T | undefined, was: T): T {
  return said === undefined ? was : said;
}

/** Whether a report is older than the stored one of its source. */
export function isOlder(
  observedAt: number,
  version: number,
  before: { readonly observedAt: number; readonly version: number },
): boolean {
  return observedAt < before.observedAt || (observedAt === before.observedAt && version < before.version);
}

/**
 * Whether the time of a report alone may change what counts: a removal counts until a later observation of another source, and
 * again after a later removal.
 */
export function decidesRemoval(
  { removed }: { readonly removed: boolean | null },
  others: readonly { readonly removed: boolean | null }[],
): boolean {
  return others.length > 0 && (removed === true || others.some((other) => other.removed === true));
}

type Name = 'model' | 'platform' | 'owner' | 'serialNumber' | 'sourceId' | 'udid' | 'imei';

/** What a device is called: all that stays of a removed one. */
function namesOf<T extends { readonly [N in Name]?: string | null | undefined }>(
  report: T,
): Pick<T, Name & keyof T> {
  const { model, platform, owner, serialNumber, sourceId, udid, imei } = report;
  return { model, platform, owner, serialNumber, sourceId, udid, imei } as Pick<T, Name & keyof T>;
}

/** Times that only move on (last check-in, observation) are no news: what they make expire is read again at that moment. */
const NO_NEWS: ReadonlySet<string> = new Set(['observedAt', 'version', 'lastCheckIn', 'sourceId']);

const FACTS = (Object.keys(NEVER_REPORTED) as (keyof DeviceReport)[]).filter((name) => !NO_NEWS.has(name));

function sameFacts(a: DeviceReport, b: DeviceReport): boolean {
  for (const name of FACTS) if (a[name] !== b[name] && !isAlike(a[name], b[name])) return false;
  return true;
}

/** Whether two values of a report are the same; the order of attributes has no meaning. */
export function isAlike(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  const [a, b] = [one as Readonly<Record<string, unknown>>, other as Readonly<Record<string, unknown>>];
  return names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}

/** The reports in the order of precedence. */
export function inOrder<Report extends { readonly source: string }>(
  reports: readonly Report[],
  order: SourceOrder,
): readonly Report[] {
  if (reports.length < 2) return reports;
  return reports.toSorted(
    (a, b) =>
      rankOf(a.source, order) - rankOf(b.source, order) ||
      (a.source === b.source ? 0 : a.source < b.source ? -1 : 1),
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
 * The effective device: each field from the first source in the order that says something, sources that no longer have it last.
 * A removal counts as `managed: false` at the place of its source, unless another source observed the device later. Null = no
 * source knows the device.
 */
export function effectiveDevice(
  key: DeviceKey,
  reports: readonly DeviceReport[],
  order: SourceOrder,
): DeviceRecord | null {
  const ordered = inOrder(reports, order);
  const speaking = reports.length < 2 ? ordered : presentFirst(ordered);
  const first = speaking[0];
  if (first === undefined) return null;
  const effective = deviceOf(key, first);
  if (speaking.length === 1) return effective;
  effective.attributes = Object.assign({}, ...speaking.toReversed().map(({ attributes }) => attributes));
  for (const report of speaking.slice(1)) {
    for (const name of VALUES) fillIn(effective, report, name);
    effective.observedAt = Math.max(effective.observedAt, report.observedAt);
    effective.reportedSince = earliest(effective.reportedSince, report.reportedSince);
  }
  for (const [value, since, good] of UNMET)
    effective[since] = effective[value] === good ? null : unmetSinceOf(speaking, value, since);
  // The judgement of one source: the requirements of another one, or its grace, say nothing about it.
  const judging = speaking.find(({ compliant }) => compliant !== null) ?? first;
  effective.unmetRequirements = judging.unmetRequirements;
  effective.graceUntil = judging.graceUntil;
  const managing = managedBy(ordered);
  effective.managed = managing?.managed ?? null;
  if (managing !== null) effective.managedUnmetSince = managing.managedUnmetSince;
  effective.source = (managing ?? first).source;
  return effective;
}

type Effective = { -readonly [Name in keyof DeviceRecord]: DeviceRecord[Name] };

/** The device as one report says it. Field by field: this is done in every look-up, and a copy of all fields but some is slow. */
function deviceOf(key: DeviceKey, report: DeviceReport): Effective {
  return {
    key,
    source: report.source,
    observedAt: report.observedAt,
    managed: report.managed,
    compliant: report.compliant,
    encrypted: report.encrypted,
    compromised: report.compromised,
    platform: report.platform,
    osVersion: report.osVersion,
    model: report.model,
    owner: report.owner,
    lastCheckIn: report.lastCheckIn,
    serialNumber: report.serialNumber,
    unmetRequirements: report.unmetRequirements,
    reportedSince: report.reportedSince,
    managedUnmetSince: report.managedUnmetSince,
    compliantUnmetSince: report.compliantUnmetSince,
    encryptedUnmetSince: report.encryptedUnmetSince,
    compromisedUnmetSince: report.compromisedUnmetSince,
    mailProfileUnmetSince: report.mailProfileUnmetSince,
    managedMailProfile: report.managedMailProfile,
    ownership: report.ownership,
    os: report.os,
    manufacturer: report.manufacturer,
    graceUntil: report.graceUntil,
    attributes: report.attributes ?? NO_ATTRIBUTES,
    udid: report.udid,
    imei: report.imei,
  };
}

function presentFirst(reports: readonly DeviceReport[]): readonly DeviceReport[] {
  const present = reports.filter(({ removed }) => removed !== true);
  return present.length === reports.length
    ? reports
    : [...present, ...reports.filter(({ removed }) => removed === true)];
}

const NO_ATTRIBUTES: Readonly<Record<string, never>> = Object.freeze({});

/** Values that come from the first source that says something. */
type FirstSaid = Exclude<
  keyof DeviceValues,
  Unmet[1] | 'observedAt' | 'attributes' | 'unmetRequirements' | 'graceUntil' | 'reportedSince' | 'managed'
>;

const OWN_RULES: ReadonlySet<string> = new Set<keyof DeviceReport>([
  ...UNMET.map(([, since]) => since),
  'version',
  'sourceId',
  'removed',
  'attributes',
  'unmetRequirements',
  'graceUntil',
  'reportedSince',
  'managed',
]);
const VALUES = Object.keys(NEVER_REPORTED).filter((name): name is FirstSaid => !OWN_RULES.has(name));

function fillIn<Name extends FirstSaid>(
  effective: Record<Name, DeviceRecord[Name]>,
  report: Readonly<Record<Name, DeviceRecord[Name]>>,
  name: Name,
): void {
  effective[name] ??= report[name];
}

/**
 * Since when the effective value is unmet: since the source that says it does so, or since an earlier one in the order stopped
 * to say the good value. A source that never said anything does not count.
 */
function unmetSinceOf(reports: readonly DeviceReport[], value: Unmet[0], since: Unmet[1]): number | null {
  let latest: number | null = null;
  for (const report of reports) {
    const hasSaid = report[value] !== null || report[since] !== report.reportedSince;
    if (hasSaid) latest = latestOf(latest, report[since]);
    if (report[value] !== null) break;
  }
  return latest ?? reports.reduce<number | null>((found, report) => earliest(found, report[since]), null);
}

function latestOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null) return b;
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
