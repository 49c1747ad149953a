// Owns the device record: a feed's report of a device.
import { z } from 'zod';
import type { DeviceKey } from '../identity/keys.ts';
import { deviceKey, flag, number, numberOr, text, textOr, texts } from './fields.ts';
import type { Immutable } from './fields.ts';
import { parseObject, readerOf } from './read-record.ts';

/** A feed's report of a device. */
export const deviceSchema = z.object({
  key: deviceKey('The device, for all spellings of its id'),
  managed: flag('Whether it is enrolled in device management'),
  compliant: flag('Whether it meets the requirements of device management'),
  model: text('Its model, in the words of the feed'),
  os: text('Its operating system, in the words of the feed'),
  encrypted: flag('Whether its storage is encrypted'),
  compromised: flag('Whether it is jailbroken or rooted'),
  owner: text('Its owner, in the words of the feed'),
  lastCheckIn: number('Last contact with device management, milliseconds since the epoch'),
  source: textOr('unknown', 'The feed that reported it'),
  version: numberOr(
    0,
    'Increases with every observation of a source: an older observation never replaces a newer one of the same source',
  ),
  observedAt: numberOr(0, 'Time of the observation, milliseconds since the epoch'),
  unmetRequirements: texts(
    'Unmet requirements in the words of the feed, e.g. `encryption`: at most ten, of at most 64 characters',
  ),
  stateSince: z.number().meta({
    description:
      'Since when `managed` and `compliant` have their values: `observedAt` of the first such report, ' +
      'milliseconds since the epoch. Maintained by the store',
    otherwise: '`observedAt`',
  }),
});

/** A feed's report of a device. `null` = not reported. */
export type DeviceRecord = Immutable<z.infer<typeof deviceSchema>>;

/** A report without the fields that the directory adds. */
export type DeviceReport = Omit<DeviceRecord, 'stateSince'>;

const MAX_REQUIREMENTS = 10;
const MAX_REQUIREMENT = 64;
/** Invisible or misleading characters: control characters, line ends, direction marks. */
const UNSHOWN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Printable ASCII without space at either end. */
const PLAIN = /^[!-~](?:[ -~]*[!-~])?$/;

/** Bounds the unmet requirements that are stored and shown to the phone's user: one line each, a limited number, no duplicates. */
export function boundRequirements(said: readonly string[]): string[] {
  // Stored requirements are already bounded, so reading them is cheap.
  if (said.length <= MAX_REQUIREMENTS && said.every(isBounded)) return [...new Set(said)];
  const kept = said
    .slice(0, MAX_REQUIREMENTS * 2)
    .map((text) => text.slice(0, MAX_REQUIREMENT).toWellFormed().replaceAll(UNSHOWN, ' ').trim())
    .filter((text) => text !== '');
  return [...new Set(kept)].slice(0, MAX_REQUIREMENTS);
}

function isBounded(text: string): boolean {
  return text.length <= MAX_REQUIREMENT && PLAIN.test(text);
}

/** Whether `managed` and `compliant` are equal for `stateSince`; a value that was never reported counts as not compliant. */
export function sameState(a: DeviceReport, b: DeviceReport): boolean {
  return a.managed === b.managed && (a.managed !== true || (a.compliant === true) === (b.compliant === true));
}

/** Whether two reports are equal for decisions and explanations, so that no new decision is needed. */
export function sameFacts(a: DeviceReport, b: DeviceReport): boolean {
  return (
    a.managed === b.managed &&
    a.compliant === b.compliant &&
    a.encrypted === b.encrypted &&
    a.compromised === b.compromised &&
    a.model === b.model &&
    a.unmetRequirements.length === b.unmetRequirements.length &&
    a.unmetRequirements.every((text, index) => text === b.unmetRequirements[index])
  );
}

const read = readerOf(deviceSchema);

/** Reads a stored device record. @throws CorruptRecordError */
export function readDevice(key: DeviceKey, stored: string): DeviceRecord {
  const what = `device ${key}`;
  const json = parseObject(stored, what);
  json['key'] = key;
  // Older records lack this field; the state has existed at least since the last report.
  json['stateSince'] ??= json['observedAt'] ?? 0;
  const record = read(json, what);
  if (record.unmetRequirements.length > 0) {
    record.unmetRequirements = boundRequirements(record.unmetRequirements);
  }
  return record;
}
