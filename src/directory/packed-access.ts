// Owns the form in which the verdict cache keeps the records behind a verdict: one text of short lists. A hundred thousand of
// them are kept, and few are read again; as objects they would take ten times the memory.
import type {
  AccessRecords,
  DeviceState,
  ImportedState,
  NamedDecision,
  OwnDevice,
  SeenState,
  UserState,
} from '../policy/model.ts';

const DEVICE_FIELDS = [
  'managed',
  'compliant',
  'encrypted',
  'compromised',
  'platform',
  'osVersion',
  'model',
  'ownership',
  'os',
  'lastCheckIn',
  'reportedSince',
  'manufacturer',
  'managedMailProfile',
  'graceUntil',
  'unmetRequirements',
  'managedUnmetSince',
  'compliantUnmetSince',
  'encryptedUnmetSince',
  'compromisedUnmetSince',
  'mailProfileUnmetSince',
  'attributes',
] as const satisfies readonly (keyof DeviceState)[];

const SEEN_FIELDS = [
  'firstSeen',
  'lastSeen',
  'lastAllowed',
  'deviceType',
  'lastVerdict',
  'lastReason',
  'model',
  'os',
  'agentChanges',
] as const satisfies readonly (keyof SeenState)[];

const USER_FIELDS = [
  'aliases',
  'groups',
  'enabled',
  'attributes',
] as const satisfies readonly (keyof UserState)[];

/** What few devices have: decisions, and records that are not understood. */
type Rare = Pick<
  AccessRecords,
  | 'deviceDecision'
  | 'partnershipDecision'
  | 'exactDecisions'
  | 'decidedFor'
  | 'namesakeDecisions'
  | 'userDecisions'
  | 'namesakeUserDecisions'
  | 'importedDecisions'
  | 'deviceWipe'
  | 'partnershipWipe'
  | 'unreadable'
>;

type Packed = [
  user: string | undefined,
  device: unknown[] | null,
  partnership: unknown[] | null,
  userRecord: unknown[] | null,
  userDevices: (string | number | null)[] | null,
  usersOnDevice: number | null,
  rare?: Rare,
];

/** The records as one text. `device`: the device of the look-up. */
export function packRecords(records: AccessRecords, device: string): string {
  const { user, userDevices, usersOnDevice } = records;
  const packed: Packed = [
    user,
    valuesOf(records.device, DEVICE_FIELDS),
    valuesOf(records.partnership ?? null, SEEN_FIELDS),
    valuesOf(records.userRecord ?? null, USER_FIELDS),
    userDevices === undefined ? null : packDevices(userDevices, device),
    usersOnDevice ?? null,
  ];
  const rare = rareOf(records);
  if (rare !== null) packed.push(rare);
  return JSON.stringify(packed);
}

/** Reverses {@link packRecords}. */
export function unpackRecords(text: string, device: string): AccessRecords {
  const [user, deviceState, seen, userRecord, devices, usersOnDevice, rare = NOTHING_RARE] = JSON.parse(
    text,
  ) as Packed;
  return {
    ...rare,
    ...(typeof user === 'string' && { user }),
    device: objectOf(deviceState, DEVICE_FIELDS) as DeviceState | null,
    partnership: objectOf(seen, SEEN_FIELDS) as SeenState | null,
    userRecord: objectOf(userRecord, USER_FIELDS) as UserState | null,
    ...(devices !== null && { userDevices: unpackDevices(devices, device) }),
    ...(usersOnDevice !== null && { usersOnDevice }),
  };
}

const NOTHING_RARE: Rare = { deviceDecision: null, partnershipDecision: null, namesakeDecisions: [] };

function rareOf(records: AccessRecords): Rare | null {
  const { deviceDecision, partnershipDecision, exactDecisions, decidedFor, namesakeDecisions } = records;
  const { userDecisions, namesakeUserDecisions, importedDecisions, deviceWipe, partnershipWipe, unreadable } =
    records;
  const lists: (readonly (NamedDecision | ImportedState | string)[] | undefined)[] = [
    exactDecisions,
    namesakeDecisions,
    userDecisions,
    namesakeUserDecisions,
    importedDecisions,
    unreadable,
  ];
  const isNone = lists.every((list) => list === undefined || list.length === 0);
  if (isNone && deviceDecision === null && partnershipDecision === null) return null;
  return {
    deviceDecision,
    partnershipDecision,
    namesakeDecisions,
    ...(exactDecisions !== undefined && { exactDecisions }),
    ...(decidedFor !== undefined && { decidedFor }),
    ...(userDecisions !== undefined && { userDecisions }),
    ...(namesakeUserDecisions !== undefined && { namesakeUserDecisions }),
    ...(importedDecisions !== undefined && { importedDecisions }),
    ...(deviceWipe !== undefined && { deviceWipe }),
    ...(partnershipWipe !== undefined && { partnershipWipe }),
    ...(unreadable !== undefined && { unreadable }),
  };
}

function valuesOf<T extends object>(record: T | null, fields: readonly (keyof T)[]): unknown[] | null {
  if (record === null) return null;
  const values: unknown[] = [];
  let used = 0;
  for (const field of fields) {
    const value = isNothing(field as string, record[field]) ? null : record[field];
    values.push(value);
    if (value !== null) used = values.length;
  }
  values.length = used;
  return values;
}

/** Whether reading gives the same when the value is left out. An empty list of groups is not: no groups are not unknown ones. */
function isNothing(field: string, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value === 'boolean' || typeof value === 'number' || !(field in EMPTY)) return false;
  if (typeof value === 'string') return value === '';
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

/** Fields that are never null, and what they are when there is nothing in them. */
const EMPTY: Readonly<Record<string, unknown>> = {
  aliases: [],
  agentChanges: [],
  unmetRequirements: [],
  attributes: {},
  deviceType: '',
  lastVerdict: '',
  lastReason: '',
};

function objectOf(values: unknown[] | null, fields: readonly string[]): object | null {
  if (values === null) return null;
  const record: Record<string, unknown> = {};
  for (const [at, field] of fields.entries()) record[field] = values[at] ?? EMPTY[field] ?? null;
  return record;
}

/** Each device as its id (0 = the one that was looked up), first seen, last allowed. */
function packDevices(devices: readonly OwnDevice[], own: string): (string | number | null)[] {
  return devices.flatMap(({ device, firstSeen, lastAllowed }) => [
    device === own ? 0 : device,
    firstSeen,
    lastAllowed,
  ]);
}

function unpackDevices(packed: readonly (string | number | null)[], own: string): OwnDevice[] {
  const devices: OwnDevice[] = [];
  for (let at = 0; at + 2 < packed.length; at += 3) {
    const [device, firstSeen, lastAllowed] = packed.slice(at, at + 3);
    devices.push({
      device: device === 0 ? own : String(device),
      firstSeen: Number(firstSeen),
      lastAllowed: lastAllowed === null || lastAllowed === undefined ? null : Number(lastAllowed),
    });
  }
  return devices;
}
