// Owns the understanding of the hashes in Redis: which record each field holds.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { decodedNumber, decodedText, encodedItem, encodedNumber } from '../../model/line-values.ts';
import { isLine } from '../../model/stored-line.ts';
import type { UserDevice } from '../store.ts';
import type { SourceText, StoredDevice, StoredUserDevice, StoredUsers } from '../stored-records.ts';
import { decodeName, decodeUser } from './redis-keys.ts';

/** Values of a hash as the script READ returns them. */
type Values = readonly (string | null)[] | null;

/** `values`: names and values of the fields in turn; null = the key is no hash. */
export function storedDevice(key: DeviceKey, values: Values): StoredDevice {
  const reports: SourceText[] = [];
  const partnerships = new Map<UserKey, string>();
  let decision: string | null = null;
  const userDecisions = new Map<UserKey, string>();
  const imported: (SourceText & { user: UserKey | null })[] = [];
  const failures: string[] = values === null ? [`device ${key}`] : [];
  for (const { field, text } of fieldsOf(values)) {
    if (field === 'm') {
      decision = text;
      continue;
    }
    const kind = field.slice(0, 2);
    if (!DEVICE_KINDS.has(kind)) continue;
    const colon = kind === 'm@' ? field.indexOf(':', 2) : -1;
    const name = decodeName(field.slice(2, colon === -1 ? undefined : colon));
    const user = colon === -1 ? '' : decodeName(field.slice(colon + 1));
    if (name === null || name === '' || user === null) failures.push(`device ${key} ${field}`);
    else if (kind === 'r:') reports.push({ source: name, text });
    else if (kind === 'p:') partnerships.set(name as UserKey, text);
    else if (kind === 'm:') userDecisions.set(name as UserKey, text);
    else imported.push({ source: name, user: colon === -1 ? null : (user as UserKey), text });
  }
  return { key, reports, partnerships, decision, userDecisions, imported, failures };
}

const DEVICE_KINDS: ReadonlySet<string> = new Set(['r:', 'p:', 'm:', 'm@']);

/** Likewise of the users with one folded local part. */
export function storedUsers(local: string, values: Values): StoredUsers {
  const reports: (SourceText & { user: UserKey })[] = [];
  const aliases = new Map<UserKey, UserKey>();
  const decisions = new Map<UserKey, string>();
  const imported: (SourceText & { user: UserKey })[] = [];
  const devices: StoredUserDevice[] = [];
  const failures: string[] = values === null ? [`user ${local}`] : [];
  for (const { field, text } of fieldsOf(values)) {
    const kind = field.slice(0, 2);
    if (!USER_KINDS.has(kind)) continue;
    const colon = kind === 'r:' || kind === 'm@' ? field.indexOf(':', 2) : 1;
    const source = colon === 1 ? '' : decodeName(field.slice(2, colon));
    const user = colon === -1 ? null : decodeUser(local, field.slice(colon + 1));
    if (source === null || user === null) failures.push(`user ${local} ${field}`);
    else if (kind === 'r:') reports.push({ source, user, text });
    else if (kind === 'm:') decisions.set(user, text);
    else if (kind === 'm@') imported.push({ source, user, text });
    else if (kind === 'd:') for (const one of userDevicesIn(text)) devices.push({ user, ...one });
    else {
      const target = decodeUser(local, text);
      if (target === null) failures.push(`user ${local} ${field}`);
      else aliases.set(user, target);
    }
  }
  return { reports, aliases, decisions, imported, devices, failures };
}

const USER_KINDS: ReadonlySet<string> = new Set(['r:', 'a:', 'm:', 'm@', 'd:']);

interface Field {
  readonly field: string;
  readonly text: string;
}

/** Callers leave out kinds that they do not know: a later version may add some. */
function fieldsOf(values: Values): Field[] {
  const fields: Field[] = [];
  if (values === null) return fields;
  for (let at = 0; at + 1 < values.length; at += 2)
    fields.push({ field: values[at] ?? '', text: values[at + 1] ?? '' });
  return fields;
}

/** The devices of a user, as {@link userDevicesText} wrote them. What is malformed is left out: it is no more than a count. */
export function userDevicesIn(text: string): UserDevice[] {
  if (!isLine(text)) return devicesInJson(text);
  const devices: UserDevice[] = [];
  for (const one of text.slice(1).split('|')) {
    const [name = '', first = '', last] = one.split(',');
    const device = decodedText(name);
    const firstSeen = decodedNumber(first);
    if (device === undefined || device === '' || firstSeen === undefined) continue;
    const lastAllowed = last === undefined ? null : (decodedNumber(last) ?? null);
    devices.push({ device: device as DeviceKey, firstSeen, lastAllowed });
  }
  return devices;
}

/** Earlier versions wrote a list of lists. */
function devicesInJson(text: string): UserDevice[] {
  const devices: UserDevice[] = [];
  for (const one of listIn(text)) {
    const [device, firstSeen, lastAllowed = null] = Array.isArray(one) ? (one as unknown[]) : [];
    if (typeof device !== 'string' || typeof firstSeen !== 'number') continue;
    devices.push({
      device: device as DeviceKey,
      firstSeen,
      lastAllowed: typeof lastAllowed === 'number' ? lastAllowed : null,
    });
  }
  return devices;
}

function listIn(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** The stored form: of each `|DEVICE,FIRST SEEN,LAST ALLOWED`, in milliseconds since the epoch, base 36; the last may be missing. */
export function userDevicesText(devices: readonly UserDevice[]): string {
  let text = '';
  for (const { device, firstSeen, lastAllowed } of devices) {
    text += `|${encodedItem(device, null)},${encodedNumber(firstSeen)}`;
    if (lastAllowed !== null) text += `,${encodedNumber(lastAllowed)}`;
  }
  return text === '' ? '|' : text;
}
