// Owns the device: what one feed reports of it, and the record put together from the reports of all feeds.
import { z } from 'zod';
import type { DeviceKey } from '../identity/keys.ts';
import { attributes, deviceKey, flag, number, numberOr, text, textOr, texts, word } from './fields.ts';
import type { Absentable, Immutable } from './fields.ts';
import { boundAttributes, boundRequirements } from './report-bounds.ts';
import { lineForm } from './stored-line.ts';

const unmet = (what: string) =>
  number(
    `Since when ${what}, whatever was reported meanwhile, milliseconds since the epoch; the store keeps it`,
  );

/** What one feed reports of a device. New fields are added at the end: the order is the order of the stored values. */
export const deviceReportSchema = z.object({
  key: deviceKey('The device, however its id is spelled'),
  source: textOr('unknown', 'The feed that reported it'),
  observedAt: numberOr(0, 'When the feed saw it so, milliseconds since the epoch'),
  version: numberOr(
    0,
    'Orders two observations of one source at the same moment: the lower one never overwrites',
  ),
  managed: flag('Whether it is enrolled in device management'),
  compliant: flag('Whether it meets the requirements of device management'),
  encrypted: flag('Whether its storage is encrypted'),
  compromised: flag('Whether it is jailbroken or rooted'),
  platform: text('`ios`, `android`, `windows`, `macos` or another one, in lower case'),
  osVersion: text('The version of its operating system, e.g. `17.4.1`'),
  model: text('Its model, in the words of the feed'),
  owner: text('Who it belongs to, in the words of the feed'),
  lastCheckIn: number('Last contact with device management, milliseconds since the epoch'),
  serialNumber: text('Its serial number'),
  unmetRequirements: texts(
    'Unmet requirements in the words of the feed, e.g. `encryption`: at most ten, of at most 64 characters',
  ),
  reportedSince: number(
    'When the source first reported it, milliseconds since the epoch; the store keeps it',
  ),
  managedUnmetSince: unmet('it was not reported as managed'),
  compliantUnmetSince: unmet('it was not reported as compliant'),
  encryptedUnmetSince: unmet('it was not reported as encrypted'),
  compromisedUnmetSince: unmet('it was not reported as free of compromise'),
  mailProfileUnmetSince: unmet('its mail account was not reported as managed'),
  managedMailProfile: flag('Whether its mail account was set up by device management'),
  ownership: word({ company: 'the organisation', personal: 'the user' }, 'Who owns it; null = unknown')
    .nullable()
    .meta({ default: null, description: 'Who owns it: `company` or `personal`' }),
  os: text('Its operating system in the words of the feed, e.g. `iOS 17.4.1 21E236`'),
  manufacturer: text('Its manufacturer, in the words of the feed'),
  graceUntil: number('Until when the source tolerates unmet requirements, milliseconds since the epoch'),
  attributes: attributes('Further values, declared in the mapping of the feed: at most 32'),
  sourceId: text('What the source calls it'),
  udid: text('Its UDID: joins reports of other sources'),
  imei: text('Its IMEI: joins reports of other sources'),
  removed: flag(
    'True = the source no longer has it: it is not managed, until a later observation of any source',
  ),
});

/** What one feed reports of a device. `null` = the feed did not say. */
export type DeviceReport = Immutable<z.infer<typeof deviceReportSchema>>;

/** Fields that the store keeps itself. */
type Kept =
  | 'reportedSince'
  | 'managedUnmetSince'
  | 'compliantUnmetSince'
  | 'encryptedUnmetSince'
  | 'compromisedUnmetSince'
  | 'mailProfileUnmetSince';

/** A report as a feed sends it: an absent field stays as it was, null = unknown. */
export type DeviceObservation = Pick<DeviceReport, 'key' | 'source' | 'observedAt'> &
  Absentable<Omit<DeviceReport, Kept | 'key' | 'source' | 'observedAt'>>;

/** Fields of a device that are put together from the reports of all feeds. */
export type DeviceValues = Omit<
  DeviceReport,
  'key' | 'source' | 'version' | 'sourceId' | 'removed' | 'attributes'
>;

/** A device as decisions see it: field by field from the first feed that said something (directory/device-reports.ts). */
export interface DeviceRecord extends DeviceValues {
  readonly key: DeviceKey;
  /** The feed that `managed` comes from, else the first one. */
  readonly source: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** Short forms of words in the stored form. They are public: none gets another meaning. */
export const deviceReportWords = {
  platform: { i: 'ios', a: 'android', w: 'windows', m: 'macos' },
  ownership: { c: 'company', p: 'personal' },
} as const;

const form = lineForm(deviceReportSchema, ['key', 'source'], { words: deviceReportWords });

/** Reads what `source` reported. @throws CorruptRecordError */
export function readDeviceReport(key: DeviceKey, source: string, stored: string): DeviceReport {
  const report = form.read(stored, 'device', { key, source });
  // Other tools write reports too.
  if (report.unmetRequirements.length > 0)
    report.unmetRequirements = boundRequirements(report.unmetRequirements);
  if (report.attributes !== null) report.attributes = boundAttributes(report.attributes);
  return report;
}

/** Whether `source` removed the device, as it reported: the rest of the report is read only where it is no line. @throws CorruptRecordError */
export function readRemoved(key: DeviceKey, source: string, stored: string): Pick<DeviceReport, 'removed'> {
  const removed = form.valueOf(stored, 'removed');
  if (removed === null) return NOT_REMOVED;
  return typeof removed === 'boolean' ? { removed } : readDeviceReport(key, source, stored);
}

const NOT_REMOVED: Pick<DeviceReport, 'removed'> = Object.freeze({ removed: null });

/** The stored form of a report. */
export function deviceReportText(report: DeviceReport): string {
  return form.write(report as z.infer<typeof deviceReportSchema>);
}
