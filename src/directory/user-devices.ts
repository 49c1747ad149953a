// Owns the devices of a user, as far as the place of one among them counts. Pure.
import type { DeviceKey } from '../identity/keys.ts';
import type { UserDevice } from './store.ts';

/** Most devices of a user that are looked at, and most users of a device. */
export const MAX_COUNTED = 256;
const FEW = 8;

/**
 * Devices seen under several names of a user, each once, in the order of first seen. Of more than {@link MAX_COUNTED} those
 * that were allowed last are kept: these count against a limit of devices.
 */
export function joinUserDevices(seen: readonly UserDevice[]): readonly UserDevice[] {
  // Most users have one.
  if (seen.length < 2)
    return seen.map(({ device, firstSeen, lastAllowed }) => ({ device, firstSeen, lastAllowed }));
  if (seen.length <= FEW && areApart(seen))
    return seen
      .map(({ device, firstSeen, lastAllowed }) => ({ device, firstSeen, lastAllowed }))
      .sort(inOrderOfFirstSeen);
  const joined = new Map<DeviceKey, UserDevice>();
  for (const { device, firstSeen, lastAllowed } of seen) {
    const before = joined.get(device);
    joined.set(device, {
      device,
      firstSeen: Math.min(firstSeen, before?.firstSeen ?? Infinity),
      lastAllowed: later(before?.lastAllowed ?? null, lastAllowed),
    });
  }
  let devices = [...joined.values()];
  if (devices.length > MAX_COUNTED) {
    devices.sort((a, b) => (b.lastAllowed ?? -Infinity) - (a.lastAllowed ?? -Infinity));
    devices = devices.slice(0, MAX_COUNTED);
  }
  return devices.sort(inOrderOfFirstSeen);
}

/** Whether all are different devices: of few, this takes less than a map. */
function areApart(seen: readonly UserDevice[]): boolean {
  for (let at = 1; at < seen.length; at += 1)
    for (let before = 0; before < at; before += 1)
      if (seen[before]?.device === seen[at]?.device) return false;
  return true;
}

/** The later of two times; null = never. */
export function later(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

function inOrderOfFirstSeen(a: UserDevice, b: UserDevice): number {
  return a.firstSeen - b.firstSeen || (a.device < b.device ? -1 : 1);
}
