// Owns writing the sample users and devices of the configuration into the directory, once.
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { deviceKey } from '../identity/device.ts';
import type { UserKey } from '../identity/keys.ts';
import { isUserError, userKey } from '../identity/user.ts';

/** Writes the groups of users that the directory does not know; later changes are kept. */
export async function seedUsers(store: DirectoryStore, users: Config['sample']['users']): Promise<void> {
  for (const { name, groups } of users) {
    const key = keyOf(name);
    if (groups === undefined || (await store.getUser(key))?.record) continue;
    const now = Date.now();
    await store.putUsers([{ key, source: 'sample', observedAt: now, version: now, groups, enabled: true }]);
  }
}

/** Writes devices that the directory does not know; later changes are kept. */
export async function seedDirectory(
  store: DirectoryStore,
  devices: Config['sample']['devices'],
): Promise<void> {
  for (const { id, user, managed, compliant, model, os, decision } of devices) {
    const key = deviceKey(id);
    if ((await store.getDevice(key))?.record) continue;
    const now = Date.now();
    // The decision is written first: if the start is interrupted between the writes, the next one completes them.
    if (decision !== undefined) {
      await store.decide(
        { device: key, user: user === undefined ? null : keyOf(user) },
        { action: decision, owner: 'sample', reason: 'sample data', decidedAt: now, expiresAt: null },
        { by: 'sample', via: 'sample', at: now },
      );
    }
    await store.putDevices([
      { key, source: 'sample', observedAt: now, version: now, managed, compliant, model, os },
    ]);
  }
}

function keyOf(user: string): UserKey {
  const key = userKey(user);
  if (isUserError(key)) throw new Error(`sample: ${user} is no user name`);
  return key;
}
