// Owns the understanding of the hashes in Redis: which record each field holds.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { LineBytes } from '../../model/line-bytes.ts';
import { decodedNumber, decodedText, encodedItem, encodedNumber } from '../../model/line-values.ts';
import { isLine } from '../../model/stored-line.ts';
import { CollectedDevice, CollectedUsers, withEntry, withItem } from '../collected-records.ts';
import type { UserDevice } from '../store.ts';
import type { StoredDevice, StoredUsers } from '../stored-records.ts';
import { decodeName, decodeUser } from './redis-keys.ts';

/** Values of a hash as the script READ returns them. */
type Values = readonly (string | null)[] | null;

/** `values`: names and values of the fields in turn; null = the key is no hash. */
export function storedDevice(key: DeviceKey, values: Values): StoredDevice {
  const stored = new CollectedDevice(key);
  if (values === null) stored.fail(`device ${key}`);
  for (let at = 0; values !== null && at + 1 < values.length; at += 2) {
    const field = values[at] ?? '';
    const text = values[at + 1] ?? '';
    if (field === 'm') {
      stored.decision = text;
      continue;
    }
    // Unknown kinds are skipped: a later version may add some.
    const kind = field.slice(0, 2);
    if (!DEVICE_KINDS.has(kind)) continue;
    const colon = kind === 'm@' ? field.indexOf(':', 2) : -1;
    const name = decodeName(field.slice(2, colon === -1 ? undefined : colon));
    const user = colon === -1 ? '' : decodeName(field.slice(colon + 1));
    if (name === null || name === '' || user === null) stored.fail(`device ${key} ${field}`);
    else if (kind === 'r:') stored.reports = withItem(stored.reports, { source: name, text });
    else if (kind === 'p:') stored.partnerships = withItem(stored.partnerships, [name as UserKey, text]);
    else if (kind === 'm:') stored.userDecisions = withEntry(stored.userDecisions, name as UserKey, text);
    else {
      const one = { source: name, user: colon === -1 ? null : (user as UserKey), text };
      stored.imported = withItem(stored.imported, one);
    }
  }
  return stored;
}

const DEVICE_KINDS: ReadonlySet<string> = new Set(['r:', 'p:', 'm:', 'm@']);

/** Likewise of the users with one folded local part. */
export function storedUsers(local: string, values: Values): StoredUsers {
  const stored = new CollectedUsers();
  if (values === null) stored.fail(`user ${local}`);
  for (let at = 0; values !== null && at + 1 < values.length; at += 2) {
    const field = values[at] ?? '';
    const text = values[at + 1] ?? '';
    const kind = field.slice(0, 2);
    if (!USER_KINDS.has(kind)) continue;
    const colon = kind === 'r:' || kind === 'm@' ? field.indexOf(':', 2) : 1;
    const source = colon === 1 ? '' : decodeName(field.slice(2, colon));
    const user = colon === -1 ? null : decodeUser(local, field.slice(colon + 1));
    if (source === null || user === null) stored.fail(`user ${local} ${field}`);
    else if (kind === 'r:') stored.reports = withItem(stored.reports, { source, user, text });
    else if (kind === 'm:') stored.decisions = withEntry(stored.decisions, user, text);
    else if (kind === 'm@') stored.imported = withItem(stored.imported, { source, user, text });
    else if (kind === 'd:')
      for (const { device, firstSeen, lastAllowed } of userDevicesIn(text))
        stored.devices = withItem(stored.devices, { user, device, firstSeen, lastAllowed });
    else {
      const target = decodeUser(local, text);
      if (target === null) stored.fail(`user ${local} ${field}`);
      else stored.aliases = withEntry(stored.aliases, user, target);
    }
  }
  return stored;
}

/** Only the aliases among the users with one folded local part. Most have none. */
export function storedAliases(local: string, values: Values): StoredUsers['aliases'] {
  let fields: string[] | null = null;
  for (let at = 0; values !== null && at + 1 < values.length; at += 2) {
    const field = values[at] ?? '';
    if (field.startsWith('a:')) (fields ??= []).push(field, values[at + 1] ?? '');
  }
  return storedUsers(local, fields ?? NOTHING).aliases;
}

const NOTHING: readonly never[] = Object.freeze([]);

const USER_KINDS: ReadonlySet<string> = new Set(['r:', 'a:', 'm:', 'm@', 'd:']);

/** The devices of a user, as {@link userDevicesText} wrote them. What is malformed is left out: it is no more than a count. */
export function userDevicesIn(text: string): UserDevice[] {
  if (!isLine(text)) return devicesInJson(text);
  const devices: UserDevice[] = [];
  for (let at = 1; at <= text.length;) {
    const end = placeOf(text, '|', at, text.length);
    const one = deviceIn(text.slice(at, end));
    if (one !== null) devices.push(one);
    at = end + 1;
  }
  return devices;
}

/** `DEVICE,FIRST SEEN,LAST ALLOWED`. Null = malformed. */
function deviceIn(text: string): UserDevice | null {
  const end = text.length;
  const afterName = placeOf(text, ',', 0, end);
  const afterFirst = placeOf(text, ',', afterName + 1, end);
  const device = decodedText(text.slice(0, afterName));
  const firstSeen = afterName < end ? decodedNumber(text.slice(afterName + 1, afterFirst)) : undefined;
  if (device === undefined || device === '' || firstSeen === undefined) return null;
  const last = text.slice(afterFirst + 1, placeOf(text, ',', afterFirst + 1, end));
  const lastAllowed = afterFirst < end ? (decodedNumber(last) ?? null) : null;
  return { device: device as DeviceKey, firstSeen, lastAllowed };
}

/** The first `separator` from a place on, before `end`; `end` = there is none. */
function placeOf(text: string, separator: string, from: number, end: number): number {
  const at = text.indexOf(separator, from);
  return at === -1 || at > end ? end : at;
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
  if (devices.length > 0 && writeDevices(devices)) return BYTES.end();
  let text = '';
  for (const { device, firstSeen, lastAllowed } of devices) {
    text += `|${encodedItem(device, null)},${encodedNumber(firstSeen)}`;
    if (lastAllowed !== null) text += `,${encodedNumber(lastAllowed)}`;
  }
  return text === '' ? '|' : text;
}

/** One text is written at a time. */
const BYTES = new LineBytes();
const COMMA = 0x2c;

/** Writes the text into {@link BYTES}. False = it cannot be written so. */
function writeDevices(devices: readonly UserDevice[]): boolean {
  BYTES.begin();
  for (const { device, firstSeen, lastAllowed } of devices) {
    const isWritten =
      BYTES.separators(1) && BYTES.item(device, null) && BYTES.byte(COMMA) && BYTES.number(firstSeen);
    if (!isWritten) return false;
    if (lastAllowed !== null && !(BYTES.byte(COMMA) && BYTES.number(lastAllowed))) return false;
  }
  return true;
}
