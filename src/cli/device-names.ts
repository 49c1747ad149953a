// Owns the reading of device ids and user names typed by a person.
import { deviceKey } from '../identity/device.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { isUserError, userKey } from '../identity/user.ts';
import { CommandError } from './context.ts';

/** The key of a device id typed by a person. @throws CommandError */
export function parseDevice(id: string): DeviceKey {
  if (!/^[A-Za-z0-9]{1,64}$/.test(id)) {
    throw new CommandError('EASGATE_DEVICE_ID', `${id}: a device id is letters and digits`);
  }
  return deviceKey(id);
}

/** The key of a user name typed by a person, in any of its spellings. @throws CommandError */
export function parseUser(name: string): UserKey {
  const key = userKey(name);
  if (isUserError(key)) throw new CommandError(key, `${name}: not a user name`);
  return key;
}

/** What a decision is about, in words. */
export function target(device: DeviceKey, user: UserKey | null): string {
  return user === null ? device : `${user} on ${device}`;
}
