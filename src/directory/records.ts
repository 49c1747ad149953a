// Owns the records of the directory, and parsing of their stored JSON.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ManualDecision, WipePartnership, WipeProgress } from '../policy/model.ts';
import { isWipe } from '../policy/wipe.ts';

/** A feed's report on a device. `null` = not reported. Times are milliseconds since the epoch. */
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
  /** Name of the feed. */
  readonly source: string;
  /** Grows with every observation of one source, so that an older one never overwrites a newer one. */
  readonly version: number;
  readonly observedAt: number;
  /** Unmet requirements in the feed's words, e.g. `encryption`; see {@link boundRequirements}. */
  readonly unmetRequirements: readonly string[];
  /**
   * Since when `managed` and `compliant` have their values: `observedAt` of the first such report. Maintained by the
   * store.
   */
  readonly stateSince: number;
}

/** A report as a feed sends it. */
export type DeviceReport = Omit<DeviceRecord, 'stateSince'>;

const MAX_REQUIREMENTS = 10;
const MAX_REQUIREMENT = 64;
/** Invisible or misleading characters: control characters, line ends, direction marks. */
const UNSHOWN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Requirements for storage and display: one line each, bounded, without duplicates. */
export function boundRequirements(said: readonly string[]): string[] {
  const kept = said
    .slice(0, MAX_REQUIREMENTS * 2)
    .map((text) => text.slice(0, MAX_REQUIREMENT).toWellFormed().replaceAll(UNSHOWN, ' ').trim())
    .filter((text) => text !== '');
  return [...new Set(kept)].slice(0, MAX_REQUIREMENTS);
}

/** Whether two reports have the same state with regard to `stateSince`; an unreported value counts as not compliant. */
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

/** A user and the other names of the same user. */
export interface UserRecord {
  readonly key: UserKey;
  readonly aliases: readonly UserKey[];
  readonly groups: readonly string[];
}

/** A user with a device, as seen at the mail server. */
export interface PartnershipRecord {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly deviceType: string;
  readonly userAgent: string | null;
  readonly protocolVersion: string | null;
  readonly lastVerdict: string;
  readonly lastReason: string;
  /** The device's description of itself (MS-ASCMD DeviceInformation); `null` = none yet. */
  readonly model: string | null;
  readonly os: string | null;
  readonly imei: string | null;
  /** Spellings of the device id in requests, the first one first (device.ts); at least one. */
  readonly spellings: readonly string[];
}

/** Most spellings per record; a device id has fewer. */
export const MAX_SPELLINGS = 8;

/** Union of two lists of spellings. */
export function joinSpellings(before: readonly string[], now: readonly string[]): string[] {
  return [...new Set([...before, ...now])].slice(0, MAX_SPELLINGS);
}

/** A partnership that used another spelling of its device id. */
export interface NewSpelling {
  readonly user: UserKey;
  readonly device: DeviceKey;
  /** All its spellings. */
  readonly spellings: readonly string[];
}

/** A stored record is malformed. */
export class CorruptRecordError extends Error {
  readonly code = 'EASGATE_CORRUPT_RECORD';
  /** Name of the record, and the faulty part. */
  readonly record: string;
  constructor(what: string, cause?: unknown) {
    super(`the directory holds a record that is not understood: ${what}`, { cause });
    this.record = what;
  }
}

/**
 * Reads the records of one answer. A malformed record affects its device only: it counts as missing and is listed by
 * name. A decision then denies the device, and a list shows the others.
 */
export class TolerantReader {
  private readonly failed: string[] = [];

  /** Null = not stored, or malformed. */
  read<T>(stored: string | null | undefined, parse: (stored: string) => T): T | null {
    if (stored === null || stored === undefined) return null;
    try {
      return parse(stored);
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      this.failed.push(error.record);
      return null;
    }
  }

  /** The key of a record holds another type. */
  fail(what: string): void {
    this.failed.push(what);
  }

  /** Part of an answer; absent when everything was read. */
  unreadable(): { readonly unreadable?: readonly string[] } {
    return this.failed.length === 0 ? {} : { unreadable: this.failed };
  }
}

type Json = Readonly<Record<string, unknown>>;

function parse(text: string, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CorruptRecordError(what, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CorruptRecordError(what);
  return value as Json;
}

function flag(json: Json, name: string, what: string): boolean | null {
  const value = json[name] ?? null;
  if (value !== null && typeof value !== 'boolean') throw new CorruptRecordError(`${what}.${name}`);
  return value;
}

function text(json: Json, name: string, what: string): string | null {
  const value = json[name] ?? null;
  if (value !== null && typeof value !== 'string') throw new CorruptRecordError(`${what}.${name}`);
  return value;
}

function time(json: Json, name: string, what: string): number | null {
  const value = json[name] ?? null;
  if (value !== null && (typeof value !== 'number' || !Number.isFinite(value))) {
    throw new CorruptRecordError(`${what}.${name}`);
  }
  return value;
}

function texts(json: Json, name: string, what: string): string[] {
  const value: unknown = json[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new CorruptRecordError(`${what}.${name}`);
  }
  return value;
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
    // Older records lack the field: the state exists at least since the last report.
    stateSince: time(json, 'stateSince', what) ?? time(json, 'observedAt', what) ?? 0,
  };
}

/** Reads a stored user record. @throws CorruptRecordError */
export function readUser(key: UserKey, stored: string): UserRecord {
  const what = `user ${key}`;
  const json = parse(stored, what);
  return { key, aliases: texts(json, 'aliases', what) as UserKey[], groups: texts(json, 'groups', what) };
}

/** Reads a stored partnership. @throws CorruptRecordError */
export function readPartnership(user: UserKey, device: DeviceKey, stored: string): PartnershipRecord {
  const what = `partnership ${user} ${device}`;
  const json = parse(stored, what);
  return {
    user,
    device,
    firstSeen: time(json, 'firstSeen', what) ?? 0,
    lastSeen: time(json, 'lastSeen', what) ?? 0,
    deviceType: text(json, 'deviceType', what) ?? '',
    userAgent: text(json, 'userAgent', what),
    protocolVersion: text(json, 'protocolVersion', what),
    lastVerdict: text(json, 'lastVerdict', what) ?? '',
    lastReason: text(json, 'lastReason', what) ?? '',
    model: text(json, 'model', what),
    os: text(json, 'os', what),
    imei: text(json, 'imei', what),
    spellings: spellingsOf(json, device, what),
  };
}

/** Older records lack spellings: the key was the spelling. */
function spellingsOf(json: Json, device: DeviceKey, what: string): string[] {
  const kept = texts(json, 'spellings', what).slice(0, MAX_SPELLINGS);
  return kept.length === 0 ? [device] : kept;
}

/** The partnership of a look-up. It does not affect the decision, so a malformed one counts as missing. */
export function seenPartnership(
  user: UserKey,
  device: DeviceKey,
  stored: string | null,
): PartnershipRecord | null {
  if (stored === null) return null;
  try {
    return readPartnership(user, device, stored);
  } catch {
    return null;
  }
}

/** A partnership of which only the names are known. */
export function blankPartnership(user: UserKey, device: DeviceKey): PartnershipRecord {
  return readPartnership(user, device, '{}');
}

/** The stored form of a decision; a wipe carries the epoch of the store. */
export function decisionText(decision: ManualDecision, epoch: number): string {
  if (!isWipe(decision)) return JSON.stringify(decision);
  const { suspended, ...wipe } = decision.wipe;
  return JSON.stringify({ ...decision, wipe: { ...wipe, epoch: suspended === true ? 0 : epoch } });
}

/** Reads a stored decision; a wipe from another epoch is suspended. @throws CorruptRecordError */
export function readDecision(stored: string, what: string, epoch: number): ManualDecision {
  const json = parse(stored, what);
  const { action } = json;
  const base = {
    owner: text(json, 'owner', what) ?? 'unknown',
    reason: text(json, 'reason', what),
    decidedAt: time(json, 'decidedAt', what) ?? 0,
  };
  const expiresAt = time(json, 'expiresAt', what);
  if (action === 'allow' || action === 'block' || action === 'quarantine')
    return { action, ...base, expiresAt };
  if ((action !== 'wipe' && action !== 'accountWipe') || expiresAt !== null)
    throw new CorruptRecordError(what);
  return { action, ...base, expiresAt, wipe: readWipe(json['wipe'], `${what}.wipe`, epoch) };
}

/** No field has a default: an incomplete record must not erase a device. */
function readWipe(value: unknown, what: string, epoch: number): WipeProgress {
  if (typeof value !== 'object' || value === null) throw new CorruptRecordError(what);
  const json = value as Json;
  const { state } = json;
  const requestedAt = time(json, 'requestedAt', what);
  if (requestedAt === null || (state !== 'pending' && state !== 'acknowledged' && state !== 'failed'))
    throw new CorruptRecordError(what);
  const progress: WipeProgress = {
    requestedAt,
    partnerships: readWipePartnerships(json['partnerships'] ?? [], `${what}.partnerships`),
    state,
    acknowledgedAt: time(json, 'acknowledgedAt', what),
    deviceStatus: time(json, 'deviceStatus', what),
    acknowledgedBy: text(json, 'acknowledgedBy', what),
  };
  const isOpen = state !== 'acknowledged';
  return isOpen && time(json, 'epoch', what) !== epoch ? { ...progress, suspended: true } : progress;
}

/** None named = the order is sent to nobody, and everybody is refused. */
function readWipePartnerships(value: unknown, what: string): WipePartnership[] {
  if (!Array.isArray(value)) throw new CorruptRecordError(what);
  return value.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) throw new CorruptRecordError(what);
    const json = entry as Json;
    const user = text(json, 'user', what);
    if (user === null) throw new CorruptRecordError(`${what}.user`);
    return { user, spellings: texts(json, 'spellings', what), toldAt: time(json, 'toldAt', what) };
  });
}
