// Owns the records of a fleet with everything that feeds can say: ids of 32 characters, all fields, two sources of each device; users with two
// aliases and five groups; one partnership of each device.
import { hash } from 'node:crypto';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { DeviceObservation } from '../../src/model/device.ts';
import type { PartnershipRecord } from '../../src/model/partnership.ts';
import type { UserObservation } from '../../src/model/user.ts';
import { deviceAt, pick, seenAt, userAt, userName, userOf } from './fleet.ts';

const DAY_MS = 86_400_000;

/** The two sources of a device, in the order of precedence. */
export const SOURCES = ['intune', 'jamf'] as const;

/** The id of a device: 32 characters, as Android phones have. */
export function fullDeviceName(index: number): DeviceKey {
  return hash('md5', String(index)) as DeviceKey;
}

/** The numbers below `count` in the order of their names: a run of a feed writes its records in the order of their keys. */
export function inOrder(count: number, nameOf: (index: number) => string): Uint32Array {
  const names = Array.from({ length: count }, (_, index) => nameOf(index));
  const order = Array.from(names.keys());
  order.sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  return Uint32Array.from(order);
}

/** What one source reports of a device. */
export function fullDeviceAt(
  index: number,
  now: number,
  source: (typeof SOURCES)[number],
): DeviceObservation {
  const isApple = index % 2 === 0;
  const compliant = index % 10 !== 0;
  return {
    ...deviceAt(index, now, compliant),
    key: fullDeviceName(index),
    source,
    version: 1,
    managedMailProfile: isApple,
    manufacturer: isApple ? 'Apple' : 'Samsung',
    graceUntil: compliant ? null : now + 7 * DAY_MS,
    unmetRequirements: compliant ? [] : ['encryption', 'minimum version'],
    attributes: { threat: 'secured' },
    udid: isApple ? fullDeviceName(index + 1_000_000_000).toUpperCase() : null,
  };
}

/** What the source of users reports of one. */
export function fullUserAt(index: number, now: number): UserObservation {
  const user = userAt(index, now);
  return {
    ...user,
    aliases: [`u${index}`, `first.last${index}@contoso.com`],
    groups: [...(user.groups ?? []), `building-${pick(index + 3, 200)}`, 'mobile'],
  };
}

/** The user of a device and what was seen of both. */
export function fullSeenAt(index: number, now: number): PartnershipRecord {
  const device = fullDeviceName(index);
  return { ...seenAt(index, now), device, spellings: [device.toUpperCase()] };
}

/** A pair whose requests are looked up. */
export function fullPair(index: number): { readonly user: UserKey; readonly device: DeviceKey } {
  return { user: userName(userOf(index)), device: fullDeviceName(index) };
}
