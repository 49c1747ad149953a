// Owns what the parts of the contract share: two handles on one directory, and reading of its change log.
import { beforeEach } from 'vitest';
import type {
  Change,
  DeviceEntry,
  DirectoryStore,
  LogPosition,
  UserEntry,
} from '../../../src/directory/store.ts';
import type { UserKey } from '../../../src/identity/keys.ts';
import { closeAtEnd } from '../../support/checks/leaks.ts';
import type { OpenOptions, StoreFixture } from './fixture.ts';

export const bob = 'bob' as UserKey;

/** Two handles on an empty directory, opened anew for each test. */
export interface Handles {
  /** Writes. */
  store: DirectoryStore;
  /** Reads what the first one wrote. */
  other: DirectoryStore;
}

export function twoHandles(fixture: StoreFixture, options?: OpenOptions): Handles {
  const handles = {} as Handles;
  beforeEach(async () => {
    await fixture.reset();
    handles.store = closeAtEnd(await fixture.open(options));
    handles.other = closeAtEnd(await fixture.open(options));
  });
  return handles;
}

/** Reads changes after a position until `isEnough`; fails when some were lost. */
export async function changesUntil(
  store: DirectoryStore,
  from: LogPosition,
  isEnough: (changes: readonly Change[]) => boolean,
): Promise<readonly Change[]> {
  const found: Change[] = [];
  let at = from;
  while (!isEnough(found)) {
    const { changes, position, trimmed } = await store.changesAfter(at);
    if (trimmed) throw new Error('changes were lost');
    found.push(...changes);
    at = position;
  }
  return found;
}

/** The next changes, in the order of their names. */
export async function nextChanges(
  store: DirectoryStore,
  from: LogPosition,
  count: number,
): Promise<readonly Change[]> {
  const found = await changesUntil(store, from, ({ length }) => length >= count);
  return found.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ device, user }: Change): string {
  return `${device ?? ''} ${user ?? ''}`;
}

/** All devices of a directory. */
export async function allDevices(store: DirectoryStore): Promise<DeviceEntry[]> {
  const found: DeviceEntry[] = [];
  for await (const part of store.scanDevices()) found.push(...part);
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** All users of a directory. */
export async function allUsers(store: DirectoryStore): Promise<UserEntry[]> {
  const found: UserEntry[] = [];
  for await (const part of store.scanUsers()) found.push(...part);
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}
