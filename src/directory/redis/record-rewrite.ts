// Owns the step of `easgate store migrate` from JSON records to lines (model/stored-line.ts): each record of a directory is written
// in the present form, over exactly the text that was read. What is not understood stays. It can be repeated.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { deviceReportText, readDeviceReport } from '../../model/device.ts';
import { partnershipText, readPartnership } from '../../model/partnership.ts';
import { readUserReport, userReportText } from '../../model/user.ts';
import { updateHashes } from './hash-writer.ts';
import type { FieldChange } from './commit-values.ts';
import type { HashAccess, HashUpdate } from './hash-writer.ts';
import type { ReadHash } from './packed-reply.ts';
import { decodeName, decodeUser } from './redis-keys.ts';
import { userDevicesIn, userDevicesText } from './stored-hashes.ts';

/** The present form of the text in a field; the same text = it stays. */
type Rewrite = (field: string, text: string) => string;

/** Writes the records of devices, all of one partition, in the present form. */
export function rewriteDevices(
  access: HashAccess,
  devices: readonly { readonly key: string; readonly device: DeviceKey }[],
): Promise<void> {
  return updateHashes(
    access,
    devices.map(({ key, device }) => updateOf(key, (field, text) => deviceRecord(device, field, text))),
    'd',
  );
}

/** Likewise, the records of users. */
export function rewriteUsers(
  access: HashAccess,
  users: readonly { readonly key: string; readonly local: string }[],
): Promise<void> {
  return updateHashes(
    access,
    users.map(({ key, local }) => updateOf(key, (field, text) => userRecord(local, field, text))),
    'u',
  );
}

function updateOf(key: string, rewritten: Rewrite): HashUpdate {
  return { key, join: (stored) => ({ fields: changes(stored, rewritten), news: '' }) };
}

function changes(stored: ReadHash['values'], rewritten: Rewrite): FieldChange[] {
  const fields: FieldChange[] = [];
  for (let at = 0; stored !== null && at + 1 < stored.length; at += 2) {
    const [field, expected] = [stored[at] ?? '', stored[at + 1] ?? ''];
    const next = understood(() => rewritten(field, expected)) ?? expected;
    if (next !== expected) fields.push({ field, expected, next });
  }
  return fields;
}

function deviceRecord(device: DeviceKey, field: string, text: string): string {
  const name = decodeName(field.slice(2));
  if (name === null) return text;
  if (field.startsWith('r:')) return deviceReportText(readDeviceReport(device, name, text));
  if (field.startsWith('p:')) return partnershipText(readPartnership(name as UserKey, device, text));
  return text;
}

function userRecord(local: string, field: string, text: string): string {
  if (field.startsWith('d:')) return userDevicesText(userDevicesIn(text));
  if (!field.startsWith('r:')) return text;
  const colon = field.indexOf(':', 2);
  const user = decodeUser(local, field.slice(colon + 1));
  return user === null ? text : userReportText(readUserReport(user, field.slice(2, colon), text));
}

function understood(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
