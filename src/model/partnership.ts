// Owns the partnership record: a user on a device, recorded when the mail server accepted the user's credentials.
import { z } from 'zod';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { deviceKey, numberOr, text, textOr, userKey } from './fields.ts';
import type { Immutable } from './fields.ts';
import { parseObject, readerOf } from './read-record.ts';

/** Most spellings per record; a device id has fewer. */
export const MAX_SPELLINGS = 8;

/** A user on a device, recorded when the mail server accepted the user's credentials. */
export const partnershipSchema = z.object({
  user: userKey('The user'),
  device: deviceKey('The device'),
  firstSeen: numberOr(0, 'When the mail server first accepted the credentials, milliseconds since the epoch'),
  lastSeen: numberOr(0, 'When the mail server last accepted the credentials, milliseconds since the epoch'),
  deviceType: textOr('', 'The DeviceType of its requests'),
  userAgent: text('The User-Agent of its requests'),
  protocolVersion: text('The protocol version of Exchange ActiveSync, e.g. `16.1`'),
  lastVerdict: textOr('', 'The last verdict on its requests'),
  lastReason: textOr('', 'The reason of that verdict'),
  model: text('Its model, as reported by the device (MS-ASCMD DeviceInformation)'),
  os: text('Its operating system, as reported by the device (MS-ASCMD DeviceInformation)'),
  imei: text('Its IMEI, as reported by the device (MS-ASCMD DeviceInformation)'),
  spellings: z.array(z.string()).meta({
    description: `The spellings of the device id that were used, the oldest first, at most ${MAX_SPELLINGS}`,
    otherwise: '`device` alone',
  }),
});

/** A user on a device, recorded when the mail server accepted the user's credentials. */
export type PartnershipRecord = Immutable<z.infer<typeof partnershipSchema>>;

/** Spellings seen before and now, each once. */
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

const read = readerOf(partnershipSchema);

/** Reads a stored partnership. @throws CorruptRecordError */
export function readPartnership(user: UserKey, device: DeviceKey, stored: string): PartnershipRecord {
  const what = `partnership ${user} ${device}`;
  const json = parseObject(stored, what);
  json['user'] = user;
  json['device'] = device;
  json['spellings'] ??= [];
  const record = read(json, what);
  // Older records have no spellings: the key was the spelling.
  if (record.spellings.length === 0) record.spellings.push(device);
  else if (record.spellings.length > MAX_SPELLINGS) record.spellings.length = MAX_SPELLINGS;
  return record;
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

/** A partnership record with only user and device. */
export function blankPartnership(user: UserKey, device: DeviceKey): PartnershipRecord {
  return readPartnership(user, device, '{}');
}
