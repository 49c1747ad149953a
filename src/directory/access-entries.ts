// Owns the entries of the verdict cache in memory: by device and user, bounded, those of devices that anybody can make up apart.
import { LRUCache } from 'lru-cache';
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { CachedAccess } from './cached-access.ts';
import { EntriesByUser } from './entries-by-user.ts';

/** The first entry of each device; the others follow by `next`. Nearly all have one: lists would take more memory. */
type Entries = LRUCache<DeviceKey, CachedAccess>;

/** How long it is remembered that a device had entries which a change removed; and of how many devices. */
const DROPPED_MS = 10_000;
const MAX_DROPPED = 10_000;

/** Users remembered per device; one is the rule. */
const MAX_USERS_PER_DEVICE = 8;

/** The entries of one cache, by device and user. */
export class AccessEntries {
  private readonly known: Entries;
  private readonly unknown: Entries;
  private readonly byUser = new EntriesByUser();
  private readonly dropped = new LRUCache<DeviceKey, true>({ max: MAX_DROPPED, ttl: DROPPED_MS });

  /** Most devices that are known, and most that nobody has reported. */
  constructor(maxKnown: number, maxUnknown: number) {
    // Entries that others replace ('set') are removed by put().
    const dispose = (first: CachedAccess, device: DeviceKey, reason: string): void => {
      if (reason !== 'set') for (const entry of listOf(first)) this.byUser.remove(entry);
      if (reason === 'delete') this.dropped.set(device, true);
    };
    this.known = new LRUCache({ max: maxKnown, dispose });
    this.unknown = new LRUCache({ max: maxUnknown, dispose });
  }

  /** Hot path: synchronous, allocates nothing. */
  find(user: UserKey, device: DeviceKey): CachedAccess | undefined {
    return findIn(this.known, user, device) ?? findIn(this.unknown, user, device);
  }

  /** Whether a change removed an entry of the device in the last seconds: what other gateways noted since may not be in the directory yet. */
  wasDropped(device: DeviceKey): boolean {
    return this.dropped.has(device);
  }

  /** Replaces the entry of the same user with the same device. */
  keep(entry: CachedAccess): void {
    const { user, device } = entry;
    const cache = entry.isUnknown ? this.unknown : this.known;
    const other = entry.isUnknown ? this.known : this.unknown;
    const before = cache.get(device);
    const isAlone = before === undefined || (before.user === user && before.next === undefined);
    if (isAlone && !other.has(device)) {
      // Nearly all devices: no lists are made for them.
      if (before !== undefined) this.byUser.remove(before);
      this.byUser.add(entry);
      cache.set(device, entry);
      return;
    }
    this.put(cache, device, bounded([entry, ...withoutUser(before, user)]));
    // The other cache may hold verdicts of other users.
    this.put(other, device, withoutUser(other.get(device), user));
  }

  clear(): void {
    this.byUser.clear();
    this.known.clear();
    this.unknown.clear();
  }

  dropDevices(devices: ReadonlySet<string>): void {
    for (const device of devices) {
      this.known.delete(device as DeviceKey);
      this.unknown.delete(device as DeviceKey);
    }
  }

  /** `users`: folded local parts; those of other names of a dropped user are added, so that open requests find them. */
  dropUsers(users: Set<string>): void {
    for (const { user, device, isUnknown } of this.byUser.find(users)) {
      users.add(foldedLocalPart(user));
      (isUnknown ? this.unknown : this.known).delete(device);
    }
  }

  private put(cache: Entries, device: DeviceKey, entries: readonly CachedAccess[]): void {
    for (const entry of listOf(cache.get(device))) if (!entries.includes(entry)) this.byUser.remove(entry);
    for (const [index, entry] of entries.entries()) {
      entry.next = entries[index + 1];
      this.byUser.add(entry);
    }
    const [first] = entries;
    if (first === undefined) cache.delete(device);
    else cache.set(device, first);
  }
}

function findIn(cache: Entries, user: UserKey, device: DeviceKey): CachedAccess | undefined {
  let entry = cache.get(device);
  while (entry !== undefined && entry.user !== user) entry = entry.next;
  return entry;
}

function withoutUser(first: CachedAccess | undefined, user: UserKey): CachedAccess[] {
  return listOf(first).filter((entry) => entry.user !== user);
}

function listOf(first: CachedAccess | undefined): CachedAccess[] {
  const entries: CachedAccess[] = [];
  for (let entry = first; entry !== undefined; entry = entry.next) entries.push(entry);
  return entries;
}

/** Anybody can name a device: beyond the bound goes the oldest user who was never seen with it, else the oldest. */
function bounded(entries: CachedAccess[]): CachedAccess[] {
  if (entries.length <= MAX_USERS_PER_DEVICE) return entries;
  const index = entries.findLastIndex(({ seen }) => !seen);
  return entries.toSpliced(index, 1);
}
