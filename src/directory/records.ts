// Owns the records of the directory and the reading of stored JSON back into them.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ManualDecision, WipePartnership, WipeProgress } from '../policy/model.ts';
import { isWipe } from '../policy/wipe.ts';

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

/** A user and the other names that mean the same user. */
export interface UserRecord {
  readonly key: UserKey;
  readonly aliases: readonly UserKey[];
  readonly groups: readonly string[];
}

/** A user on a device, as seen at the mail server. */
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
  /** What the device said of itself (MS-ASCMD DeviceInformation); `null` = nothing yet. */
  readonly model: string | null;
  readonly os: string | null;
  readonly imei: string | null;
  /** The spellings of the device id it was seen under, the first one first (device.ts); at least one. */
  readonly spellings: readonly string[];
}

/** More than a device id has; what a record holds beyond is not kept. */
export const MAX_SPELLINGS = 8;

/** Spellings seen before and now, each once. */
export function joinSpellings(before: readonly string[], now: readonly string[]): string[] {
  return [...new Set([...before, ...now])].slice(0, MAX_SPELLINGS);
}

/** A partnership that was seen under one more spelling of its device id than before. */
export interface NewSpelling {
  readonly user: UserKey;
  readonly device: DeviceKey;
  /** All it was seen under. */
  readonly spellings: readonly string[];
}

/** A stored record could not be understood. */
export class CorruptRecordError extends Error {
  readonly code = 'EASGATE_CORRUPT_RECORD';
  /** Which one, and what of it. */
  readonly record: string;
  constructor(what: string, cause?: unknown) {
    super(`the directory holds a record that is not understood: ${what}`, { cause });
    this.record = what;
  }
}

/**
 * Reads the records of one answer. One that is not understood concerns its device only: it counts as none, and is named, so
 * that whoever decides keeps the device out, and whoever lists shows the others.
 */
export class TolerantReader {
  private readonly failed: string[] = [];

  /** Null = nothing stored, or not understood. */
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

  /** Something under the name of a record is no record at all. */
  fail(what: string): void {
    this.failed.push(what);
  }

  /** Part of an answer: absent when all was understood. */
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
    // Records of before this was kept: at least since the last report.
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

/** Records of before spellings were kept: the key was the spelling. */
function spellingsOf(json: Json, device: DeviceKey, what: string): string[] {
  const kept = texts(json, 'spellings', what).slice(0, MAX_SPELLINGS);
  return kept.length === 0 ? [device] : kept;
}

/** The partnership of a look-up: it decides nothing, so one that is not understood is as good as none. */
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

/** A partnership of which nothing is known but its names. */
export function blankPartnership(user: UserKey, device: DeviceKey): PartnershipRecord {
  return readPartnership(user, device, '{}');
}

/** A decision as it is stored: a wipe with the epoch of the store that orders it. */
export function decisionText(decision: ManualDecision, epoch: number): string {
  if (!isWipe(decision)) return JSON.stringify(decision);
  const { suspended, ...wipe } = decision.wipe;
  return JSON.stringify({ ...decision, wipe: { ...wipe, epoch: suspended === true ? 0 : epoch } });
}

/** Reads a stored decision; a wipe of another epoch than the store's is suspended. @throws CorruptRecordError */
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

/** Nothing is filled in here: what was not written clearly must erase no device. */
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

/** None named = nobody is told, everybody is kept out. */
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
