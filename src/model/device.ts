// Owns the device record: what a feed reports of a device.
import type { DeviceKey } from '../identity/keys.ts';
import { flag, parse, text, texts, time } from './read-json.ts';

/** What a feed knows of a device. `null` = the feed did not say. Times are milliseconds since the epoch. */
export interface DeviceRecord {
  readonly key: DeviceKey;
  readonly managed: boolean | null;
  readonly compliant: boolean | null;
  readonly model: string | null;
  readonly os: string | null;
  readonly encrypted: boolean | null;
  readonly compromised: boolean | null;
  readonly owner: string | null;
  readonly lastCheckIn: number | null;
  /** Which feed said so. */
  readonly source: string;
  /** Grows with every observation of one source: an older one never overwrites a newer one. */
  readonly version: number;
  readonly observedAt: number;
  /** Which requirements the device does not meet, in the feed's words, e.g. `encryption`; see {@link boundRequirements}. */
  readonly unmetRequirements: readonly string[];
  /**
   * When the device came to be managed or not, compliant or not, as it is: `observedAt` of the first report that said so.
   * The store keeps it.
   */
  readonly stateSince: number;
}

/** What a feed reports. */
export type DeviceReport = Omit<DeviceRecord, 'stateSince'>;

const MAX_REQUIREMENTS = 10;
const MAX_REQUIREMENT = 64;
/** What no reader could show, or would read as something else: control characters, line ends, turned directions. */
const UNSHOWN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Requirements as they are kept and shown to the phone's user: one line each, a few, none twice. */
export function boundRequirements(said: readonly string[]): string[] {
  const kept = said
    .slice(0, MAX_REQUIREMENTS * 2)
    .map((text) => text.slice(0, MAX_REQUIREMENT).toWellFormed().replaceAll(UNSHOWN, ' ').trim())
    .filter((text) => text !== '');
  return [...new Set(kept)].slice(0, MAX_REQUIREMENTS);
}

/** Managed and compliant as far as it matters how long that has been so: never reported is not compliant. */
export function sameState(a: DeviceReport, b: DeviceReport): boolean {
  return a.managed === b.managed && (a.managed !== true || (a.compliant === true) === (b.compliant === true));
}

/** Whether two reports say the same to whoever decides or explains: then nothing needs to be decided anew. */
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

/** Reads a stored device record. @throws CorruptRecordError */
export function readDevice(key: DeviceKey, stored: string): DeviceRecord {
  const what = `device ${key}`;
  const json = parse(stored, what);
  return {
    key,
    managed: flag(json, 'managed', what),
    compliant: flag(json, 'compliant', what),
    model: text(json, 'model', what),
    os: text(json, 'os', what),
    encrypted: flag(json, 'encrypted', what),
    compromised: flag(json, 'compromised', what),
    owner: text(json, 'owner', what),
    lastCheckIn: time(json, 'lastCheckIn', what),
    source: text(json, 'source', what) ?? 'unknown',
    version: time(json, 'version', what) ?? 0,
    observedAt: time(json, 'observedAt', what) ?? 0,
    unmetRequirements: boundRequirements(texts(json, 'unmetRequirements', what)),
    // Records of before this was kept: at least since the last report.
    stateSince: time(json, 'stateSince', what) ?? time(json, 'observedAt', what) ?? 0,
  };
}
