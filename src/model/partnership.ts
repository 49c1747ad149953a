// Owns the partnership: a user on a device, as seen at the mail server.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { parse, text, texts, time } from './read-json.ts';
import type { Json } from './read-json.ts';

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
