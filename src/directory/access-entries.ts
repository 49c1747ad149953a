// Owns the entries of the verdict cache in memory: by device and user, bounded, those of devices that anybody can make up apart.
import { LRUCache } from 'lru-cache';
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { CachedAccess } from './cached-access.ts';

type Entries = LRUCache<DeviceKey, CachedAccess[]>;

/** Users remembered per device; one is the rule. */
const MAX_USERS_PER_DEVICE = 8;

export class AccessEntries {
  private readonly known: Entries;
  private readonly unknown: Entries;

  /** Most devices that are known, and most that nobody has reported. */
  constructor(maxKnown: number, maxUnknown: number) {
    this.known = new LRUCache({ max: maxKnown });
    this.unknown = new LRUCache({ max: maxUnknown });
  }

  /** Hot path: synchronous, allocates nothing. */
  find(user: UserKey, device: DeviceKey): CachedAccess | undefined {
    return findIn(this.known, user, device) ?? findIn(this.unknown, user, device);
  }

  /** Replaces the entry of the same user with the same device. */
  keep(entry: CachedAccess): void {
    const { user, device } = entry;
    const [cache, other] = entry.isUnknown ? [this.unknown, this.known] : [this.known, this.unknown];
    cache.set(device, bounded([entry, ...withoutUser(cache.get(device), user)]));
    // The other cache may hold verdicts of other users.
    const left = withoutUser(other.get(device), user);
    if (left.length === 0) other.delete(device);
    else other.set(device, left);
  }

  clear(): void {
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
    dropUsersIn(this.known, users);
    dropUsersIn(this.unknown, users);
  }
}

function findIn(cache: Entries, user: UserKey, device: DeviceKey): CachedAccess | undefined {
  const entries = cache.get(device);
  if (entries === undefined) return undefined;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    if (entry !== undefined && entry.user === user) return entry;
  }
  return undefined;
}

/** Users change rarely, and a worker's cache is walked in milliseconds: no index is kept for them. */
function dropUsersIn(cache: Entries, users: Set<string>): void {
  for (const [device, entries] of cache.entries()) {
    for (const { user, canonical } of entries) {
      if (!users.has(foldedLocalPart(user)) && !users.has(foldedLocalPart(canonical))) continue;
      users.add(foldedLocalPart(user));
      cache.delete(device);
    }
  }
}

function withoutUser(entries: readonly CachedAccess[] | undefined, user: UserKey): CachedAccess[] {
  return entries === undefined ? [] : entries.filter((entry) => entry.user !== user);
}

/** Anybody can name a device: beyond the bound goes the oldest user who was never seen with it, else the oldest. */
function bounded(entries: CachedAccess[]): CachedAccess[] {
  if (entries.length <= MAX_USERS_PER_DEVICE) return entries;
  const index = entries.findLastIndex(({ seen }) => !seen);
  return entries.toSpliced(index, 1);
}
