// Owns the fields of our records that a mapping of the configuration can set, and what their expressions may return. Pure.

/** What an expression of a field returns; null is unknown in each of them. */
export type FieldKind = 'text' | 'texts' | 'flag' | 'time' | 'condition';

/** A field of a record. */
interface Field {
  readonly kind: FieldKind;
  readonly meaning: string;
}

const text = (meaning: string): Field => ({ kind: 'text', meaning });
const texts = (meaning: string): Field => ({ kind: 'texts', meaning });
const flag = (meaning: string): Field => ({ kind: 'flag', meaning });
const time = (meaning: string): Field => ({ kind: 'time', meaning });

/** Fields of devices and of users. */
export const COMMON_FIELDS = {
  sourceId: text('id of the record at its source'),
  observedAt: time('when the source saw it so'),
} as const;

/** Fields of devices alone. */
export const DEVICE_FIELDS = {
  id: texts('Exchange ActiveSync id, or a list of them'),
  serialNumber: text('serial number'),
  udid: text('UDID of Apple, or the id of the device at its management'),
  imei: text('IMEI'),
  managed: flag('whether it is enrolled'),
  removed: flag('whether it left its management: retired, wiped, removed, unenrolled'),
  compliant: flag('whether it meets the requirements of its management'),
  graceUntil: time('end of a grace period'),
  encrypted: flag('whether its storage is encrypted'),
  compromised: flag('whether it is jailbroken or rooted'),
  managedMailProfile: flag('whether its mail profile comes from its management'),
  platform: text('platform, as `iOS` or `Android (managed)`'),
  osVersion: text('version of the operating system'),
  os: text('operating system in the words of the source'),
  model: text('model'),
  manufacturer: text('manufacturer'),
  ownership: text('who owns it, as `company` or `byod`'),
  owner: texts('user names and addresses of its user, the surest first'),
  lastCheckIn: time('last contact with its management'),
  unmetRequirements: texts('requirements that it does not meet'),
} as const;

/** Fields of users alone. */
export const USER_FIELDS = {
  user: texts('user names and addresses; the first one names the user, others are aliases'),
  groups: texts('groups of the user'),
  enabled: flag('whether the account may sign in'),
} as const;

/** Every field. */
export const FIELDS: Readonly<Record<string, Field>> = { ...COMMON_FIELDS, ...DEVICE_FIELDS, ...USER_FIELDS };

/** What an attribute is: it compares as such in a policy. */
export const ATTRIBUTE_TYPES = ['text', 'number', 'boolean', 'date'] as const;

/** One of {@link ATTRIBUTE_TYPES}. */
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];
