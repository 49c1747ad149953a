// Owns the partnership record: a user on a device, recorded when the mail server accepted the user's credentials.
import { z } from 'zod';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { deviceKey, number, numberOr, text, textOr, userKey } from './fields.ts';
import type { Immutable } from './fields.ts';
import { lineForm } from './stored-line.ts';

/** Most spellings per record; a device id has fewer. */
export const MAX_SPELLINGS = 8;

/** Most changes of the User-Agent that are remembered of one partnership. */
export const MAX_AGENT_CHANGES = 8;

/** A user on a device, as seen at the mail server. New fields are added at the end: the order is that of the stored values. */
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
    description: `The spellings of the device id it was seen under, the first one first: ${MAX_SPELLINGS} at most`,
    default: [],
    otherwise: '`device` alone',
  }),
  lastAllowed: number('When a request of it was last allowed, milliseconds since the epoch; null = never'),
  agentChanges: z.array(z.number()).meta({
    description: `When its User-Agent last changed, milliseconds since the epoch, the latest last: ${MAX_AGENT_CHANGES} at most`,
    default: [],
  }),
});

/** A user on a device, recorded when the mail server accepted the user's credentials. */
export type PartnershipRecord = Immutable<z.infer<typeof partnershipSchema>>;

/** Spellings seen before and now, each once. */
export function joinSpellings(before: readonly string[], now: readonly string[]): readonly string[] {
  const isKnown = before.length <= MAX_SPELLINGS && now.every((spelling) => before.includes(spelling));
  // As of nearly all phones.
  if (isKnown) return before;
  return [...new Set([...before, ...now])].slice(0, MAX_SPELLINGS);
}

/** Short forms of words in the stored form. They are public: none gets another meaning. */
export const partnershipWords = {
  lastVerdict: { a: 'allow', b: 'block', q: 'quarantine', w: 'wipe', c: 'accountWipe' },
  lastReason: {
    c: 'compliant',
    d: 'deviceRule',
    e: 'notEnrolled',
    g: 'inGracePeriod',
    i: 'individualRule',
    n: 'notCompliant',
    r: 'reportOnly',
    t: 'notTargeted',
    u: 'unknownDevice',
  },
} as const;

/** Most phones spell their id in capitals. */
const form = lineForm(partnershipSchema, ['user', 'device'], {
  words: partnershipWords,
  standing: { spellings: ({ device }) => (device as DeviceKey).toUpperCase() },
});

/** Reads a stored partnership. @throws CorruptRecordError */
export function readPartnership(user: UserKey, device: DeviceKey, stored: string): PartnershipRecord {
  const record = form.read(stored, 'partnership', { user, device });
  // Records of before spellings were kept: the key was the spelling.
  if (record.spellings.length === 0) record.spellings.push(device);
  else if (record.spellings.length > MAX_SPELLINGS) record.spellings.length = MAX_SPELLINGS;
  return record;
}

/** The stored form of a partnership. That it is spelled as its key goes without saying. */
export function partnershipText(record: PartnershipRecord): string {
  const { device, spellings } = record;
  const isAsKey = spellings.length === 1 && spellings[0] === device;
  return form.write((isAsKey ? { ...record, spellings: [] } : record) as z.infer<typeof partnershipSchema>);
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
