// Owns reading from Redis what a look-up needs: the device, the user of the login, and further users that their records name.
import type { DeviceKey } from '../../identity/keys.ts';
import type { Lookup } from '../lookup.ts';
import type { LookupResult } from '../store.ts';
import { isEarlierId, positionOf } from './log-position.ts';
import type { LookupBatch, WantedHash } from './lookup-batch.ts';
import type { ReadHash } from './packed-reply.ts';
import { partitionOfDevice, partitionOfUsers } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice, storedUsers } from './stored-hashes.ts';

/** What a look-up reads by. */
export interface LookupReads {
  readonly reads: LookupBatch;
  readonly keys: RedisKeys;
}

/** Reads until no name is missing. `epoch`: of the store, for its wipes. */
export async function readLookup(
  { reads, keys }: LookupReads,
  lookup: Lookup,
  key: DeviceKey,
  epoch: () => number,
): Promise<LookupResult> {
  const ends = new Map<number, string>();
  const partition = partitionOfDevice(key);
  let missing = lookup.login.missing();
  const wanted: WantedHash[] = [{ key: keys.device(key, partition) }];
  for (const local of missing) wanted.push({ key: keys.users(local) });
  let hashes = await reads.read(wanted);
  const [device] = hashes;
  ends.set(partition, device?.end ?? '');
  for (let first = 1; missing.length > 0; first = 0) {
    for (let at = 0; at < missing.length; at += 1)
      addUsers(lookup, ends, missing[at] ?? '', hashes[first + at]);
    missing = lookup.login.missing();
    if (missing.length > 0) hashes = await reads.read(missing.map((local) => ({ key: keys.users(local) })));
  }
  return lookup.result(storedDevice(key, device?.values ?? null), positionOf(ends), epoch(), Date.now());
}

/** Reads what is stored of the user behind the name of a look-up. */
export async function readLogin({ reads, keys }: LookupReads, { login }: Lookup): Promise<void> {
  for (let missing = login.missing(); missing.length > 0; missing = login.missing()) {
    const hashes = await reads.read(missing.map((local) => ({ key: keys.users(local) })));
    for (const [index, local] of missing.entries())
      login.add(local, storedUsers(local, hashes[index]?.values ?? null));
  }
}

/** Of two reads in one partition, the earlier end counts. */
function addUsers(
  { login }: Lookup,
  ends: Map<number, string>,
  local: string,
  hash: ReadHash | undefined,
): void {
  const { end = '', values = null } = hash ?? {};
  const partition = partitionOfUsers(local);
  const before = ends.get(partition);
  if (before === undefined || isEarlierId(end, before)) ends.set(partition, end);
  login.add(local, storedUsers(local, values));
}
