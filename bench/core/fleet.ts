// Owns the records of a large fleet for measurements: reported devices, users in groups, and partnerships, in the mix of models,
// systems and verdicts of a company.
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { DeviceObservation } from '../../src/model/device.ts';
import type { PartnershipRecord } from '../../src/model/partnership.ts';
import type { UserObservation } from '../../src/model/user.ts';

/** Devices of one user, on average: a million devices have 400,000 users. */
const DEVICES_OF_USER = 2.5;
/** Records written at once. */
const PART = 5_000;
const DAY_MS = 86_400_000;
/** The group that a hundred users are in, whatever the size of the fleet. */
export const RARE_GROUP = 'board';

const MODELS = Array.from({ length: 300 }, (_, index) =>
  index % 2 === 0 ? `iPhone${10 + (index % 16)},${1 + (index % 5)}` : `SM-G${900 + index}B`,
);
const VERDICTS = [
  ['allow', 'compliant'],
  ['allow', 'compliant'],
  ['allow', 'compliant'],
  ['allow', 'inGracePeriod'],
  ['quarantine', 'notCompliant'],
  ['quarantine', 'unknownDevice'],
  ['block', 'deviceRule'],
  ['allow', 'compliant'],
] as const;

/** A whole number below `below`, the same for each `seed`. */
export function pick(seed: number, below: number): number {
  let mixed = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) % below;
}

/** The id of a device. */
export function deviceName(index: number): DeviceKey {
  return `appl${pick(index, 2 ** 31)
    .toString(36)
    .padStart(6, '0')}${index.toString(36).padStart(5, '0')}` as DeviceKey;
}

/** The user of a device. */
export function userOf(device: number): number {
  return Math.floor(device / DEVICES_OF_USER);
}

/** The name of a user. */
export function userName(index: number): UserKey {
  return `user${pick(index, 1_000)}.name${index}@contoso.com` as UserKey;
}

/** What device management reports of a device. */
export function deviceAt(index: number, now: number, compliant: boolean): DeviceObservation {
  const isApple = index % 2 === 0;
  return {
    key: deviceName(index),
    source: 'intune',
    observedAt: now,
    managed: true,
    compliant,
    encrypted: true,
    compromised: false,
    platform: isApple ? 'ios' : 'android',
    osVersion: isApple ? `17.${pick(index, 7)}` : String(10 + pick(index, 6)),
    model: MODELS[pick(index, MODELS.length)] ?? null,
    owner: userName(userOf(index)),
    serialNumber: `SN${index.toString(36).toUpperCase()}`,
    lastCheckIn: now - pick(index, 30) * DAY_MS,
    ownership: index % 4 === 0 ? 'personal' : 'company',
    os: isApple ? `iOS 17.${pick(index, 7)}` : `Android ${10 + pick(index, 6)}`,
    sourceId: `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
    imei: isApple ? null : String(350_000_000_000_000 + index),
  };
}

/** What a directory of users reports of one. */
export function userAt(index: number, now: number): UserObservation {
  const groups = ['staff', `site-${pick(index, 40)}`, `department-${pick(index + 7, 60)}`];
  if (index < 100) groups.push(RARE_GROUP);
  return {
    key: userName(index),
    source: 'entra',
    observedAt: now,
    enabled: true,
    groups,
    aliases: [`u${index}`],
  };
}

/** What was seen of a device with its user. */
export function seenAt(index: number, now: number): PartnershipRecord {
  const [lastVerdict, lastReason] = VERDICTS[pick(index, VERDICTS.length)] ?? VERDICTS[0];
  const lastSeen = now - pick(index + 3, 60 * 24 * 60) * 60_000;
  const isApple = index % 2 === 0;
  return {
    user: userName(userOf(index)),
    device: deviceName(index),
    firstSeen: lastSeen - pick(index, 400) * DAY_MS,
    lastSeen,
    deviceType: isApple ? 'iPhone' : 'Android',
    userAgent: isApple
      ? `Apple-iPhone15C2/2105.${pick(index, 200)}`
      : `Android-Mail/2024.${pick(index, 80)}.1`,
    protocolVersion: isApple ? '16.1' : '14.1',
    lastVerdict,
    lastReason,
    model: MODELS[pick(index, MODELS.length)] ?? null,
    os: isApple ? `iOS 17.${pick(index, 7)}` : `Android ${10 + pick(index, 6)}`,
    imei: null,
    spellings: [deviceName(index).toUpperCase()],
    lastAllowed: lastVerdict === 'allow' ? lastSeen : null,
    agentChanges: [],
  };
}

/** Writes a fleet of so many devices into an empty directory. */
export async function writeFleet(store: DirectoryStore, devices: number, now: number): Promise<void> {
  const users = userOf(devices - 1) + 1;
  await inParts(
    users,
    (index) => userAt(index, now),
    (part) => store.putUsers(part),
  );
  await reportFleet(store, devices, now, true);
  await inParts(
    devices,
    (index) => seenAt(index, now),
    (part) => store.recordSeen(part),
  );
}

/** Reports all devices of a fleet, as a whole run of a feed does. */
export function reportFleet(
  store: DirectoryStore,
  devices: number,
  now: number,
  compliant: boolean,
): Promise<void> {
  return inParts(
    devices,
    (index) => deviceAt(index, now, compliant === (index % 10 !== 0)),
    (part) => store.putDevices(part),
  );
}

async function inParts<T>(
  count: number,
  make: (index: number) => T,
  write: (part: T[]) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < count; at += PART)
    await write(Array.from({ length: Math.min(PART, count - at) }, (_, index) => make(at + index)));
}
