// Owns the understanding of the hashes in Redis: which record each field holds.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { SourceText, StoredDevice, StoredUsers } from '../stored-records.ts';
import { decodeName } from './redis-keys.ts';

/** `values`: names and values of the fields in turn; null = the key is no hash. */
export function storedDevice(key: DeviceKey, values: readonly (string | null)[] | null): StoredDevice {
  const reports: SourceText[] = [];
  const partnerships = new Map<UserKey, string>();
  let decision: string | null = null;
  const userDecisions = new Map<UserKey, string>();
  const imported: (SourceText & { user: UserKey | null })[] = [];
  const failures: string[] = values === null ? [`device ${key}`] : [];
  for (const { kind, names, text } of fieldsOf(values)) {
    const [first = null, second = null] = names;
    if (kind === 'm' && names.length === 0) decision = text;
    else if (kind === 'm@' && first !== null) imported.push({ source: first, user: second as UserKey, text });
    else if (first === null || names.length > 1) failures.push(`device ${key} (a field of unknown name)`);
    else if (kind === 'r:') reports.push({ source: first, text });
    else if (kind === 'p:') partnerships.set(first as UserKey, text);
    else if (kind === 'm:') userDecisions.set(first as UserKey, text);
  }
  return { key, reports, partnerships, decision, userDecisions, imported, failures };
}

/** Likewise of the users with one local part. */
export function storedUsers(local: string, values: readonly (string | null)[] | null): StoredUsers {
  const reports: (SourceText & { user: UserKey })[] = [];
  const aliases = new Map<UserKey, UserKey>();
  const decisions = new Map<UserKey, string>();
  const imported: (SourceText & { user: UserKey })[] = [];
  const devices: { user: UserKey; device: DeviceKey; firstSeen: number; lastAllowed: number | null }[] = [];
  const failures: string[] = values === null ? [`user ${local}`] : [];
  for (const { kind, names, text } of fieldsOf(values)) {
    const [first = null, second = null] = names;
    if (first === null) failures.push(`user ${local} (a field of unknown name)`);
    else if (kind === 'a:') aliases.set(first as UserKey, text as UserKey);
    else if (kind === 'm:') decisions.set(first as UserKey, text);
    else if (second === null) failures.push(`user ${local} (a field of unknown name)`);
    else if (kind === 'r:') reports.push({ source: first, user: second as UserKey, text });
    else if (kind === 'm@') imported.push({ source: first, user: second as UserKey, text });
    else if (kind === 'd:') {
      const times = timesOf(text);
      if (times !== null) devices.push({ user: second as UserKey, device: first as DeviceKey, ...times });
    }
  }
  return { reports, aliases, decisions, imported, devices, failures };
}

interface Field {
  readonly kind: string;
  /** The names in the field's name, decoded; one that is not encoded as ours are is missing, and so are those after it. */
  readonly names: readonly string[];
  readonly text: string;
}

/** Fields of other kinds are left out: a later version may add some. */
function fieldsOf(values: readonly (string | null)[] | null): Field[] {
  const fields: Field[] = [];
  if (values === null) return fields;
  for (let at = 0; at + 1 < values.length; at += 2) {
    const [field, text] = [values[at] ?? '', values[at + 1] ?? ''];
    const kind = field.length === 1 ? field : field.slice(0, 2);
    if (KINDS.has(kind)) fields.push({ kind, names: namesIn(field.slice(kind.length)), text });
  }
  return fields;
}

const KINDS: ReadonlySet<string> = new Set(['m', 'm:', 'm@', 'r:', 'p:', 'a:', 'd:']);

function namesIn(encoded: string): string[] {
  if (encoded === '') return [];
  const names: string[] = [];
  for (const part of encoded.split(':')) {
    const name = decodeName(part);
    if (name === null || name === '') return [];
    names.push(name);
  }
  return names;
}

/** First seen and last allowed, as {@link seenDeviceText} wrote them. It is for the place among the user's devices only. */
export function timesOf(text: string): { firstSeen: number; lastAllowed: number | null } | null {
  const [firstSeen, lastAllowed = null] = numbersIn(text);
  return typeof firstSeen === 'number' && (lastAllowed === null || typeof lastAllowed === 'number')
    ? { firstSeen, lastAllowed }
    : null;
}

function numbersIn(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** A device of a user, as it is stored: first seen and last allowed, milliseconds since the epoch. */
export function seenDeviceText(firstSeen: number, lastAllowed: number | null): string {
  return lastAllowed === null ? `[${firstSeen}]` : `[${firstSeen},${lastAllowed}]`;
}
