// Owns collecting what a store has about one device, or about the users of one folded local part. Most have few kinds of records: no list and
// no map is made for the others.
import type { DeviceKey } from '../identity/keys.ts';
import type { StoredDevice, StoredUsers } from './stored-records.ts';

const NONE: readonly never[] = Object.freeze([]);
const NOBODY: ReadonlyMap<never, never> = new Map<never, never>();

/** A device of which nothing was read yet. */
export class CollectedDevice implements StoredDevice {
  readonly key: DeviceKey;
  reports: StoredDevice['reports'] = NONE;
  partnerships: StoredDevice['partnerships'] = NONE;
  decision: string | null = null;
  userDecisions: StoredDevice['userDecisions'] = NOBODY;
  imported: StoredDevice['imported'] = NONE;
  failures: StoredDevice['failures'] = NONE;

  constructor(key: DeviceKey) {
    this.key = key;
  }

  /** A record that is not understood. */
  fail(record: string): void {
    this.failures = withItem(this.failures, record);
  }
}

/** Users of whom nothing was read yet. */
export class CollectedUsers implements StoredUsers {
  reports: StoredUsers['reports'] = NONE;
  aliases: StoredUsers['aliases'] = NOBODY;
  decisions: StoredUsers['decisions'] = NOBODY;
  imported: StoredUsers['imported'] = NONE;
  devices: StoredUsers['devices'] = NONE;
  failures: StoredUsers['failures'] = NONE;

  /** A record that is not understood. */
  fail(record: string): void {
    this.failures = withItem(this.failures, record);
  }
}

/** The list with one more item; it is changed, unless it is empty. */
export function withItem<T>(items: readonly T[], item: T): readonly T[] {
  if (items.length === 0) return [item];
  (items as T[]).push(item);
  return items;
}

/** The map with one more entry, likewise. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  const own = map.size === 0 ? new Map<K, V>() : (map as Map<K, V>);
  return own.set(key, value);
}
