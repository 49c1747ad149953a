// Owns the reading of device ids and user names typed by a person, and the text for the subject of a decision.
import { ProgramError } from '../errors/program-errors.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { isUserError, userKey } from '../identity/user.ts';

/** The key of a device id typed by a person. @throws ProgramError */
export function parseDevice(id: string): DeviceKey {
  if (!/^[A-Za-z0-9]{1,64}$/.test(id)) {
    throw new ProgramError('EASGATE_DEVICE_ID', `${id}: a device id is letters and digits`);
  }
  return deviceKey(id);
}

/** The key of a user name typed by a person, in any spelling. @throws ProgramError */
export function parseUser(name: string): UserKey {
  const key = userKey(name);
  if (isUserError(key)) throw new ProgramError(key, `${name}: not a user name`);
  return key;
}

/**
 * The user that a typed name stands for, by the directory's aliases and the groups of domains; null when no name is given.
 * @throws ProgramError
 */
export async function canonicalUser(
  store: DirectoryStore,
  device: DeviceKey,
  name: string | undefined,
): Promise<UserKey | null> {
  return name === undefined ? null : (await store.lookup(parseUser(name), device)).user;
}

/** The subject of a decision, as text; `user` null = the device, for every user. */
export function target(device: DeviceKey, user: UserKey | null): string {
  return user === null ? device : `${user} on ${device}`;
}
