// Owns the search for names and devices of one user, by reading the whole directory; user-search-in-model.ts asks the read model.
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import type { UserKey } from '../identity/keys.ts';
import { allDevices } from './device-views.ts';

/** Where names and devices of users come from. They may be more than those of the user. */
export interface UserSearch {
  /** Names that were seen with devices and may be this user. */
  namesLike(names: readonly UserKey[]): Promise<readonly UserKey[]>;
  /** Devices that a user with one of these names was seen with, or has a decision on. */
  devicesOf(names: readonly UserKey[]): Promise<readonly DeviceEntry[]>;
}

/** Reads the whole directory. */
export function searchInStore(store: DirectoryStore): UserSearch {
  return {
    namesLike: async () => {
      const names = new Set<UserKey>();
      for await (const part of store.scanDevices())
        for (const { partnerships } of part) for (const { user } of partnerships) names.add(user);
      return [...names];
    },
    devicesOf: () => allDevices(store),
  };
}
