// Owns reading from Redis what a look-up needs: the device, the user of the login, and further users that their records name.
import type { DeviceKey } from '../../identity/keys.ts';
import type { Lookup } from '../lookup.ts';
import type { LookupResult } from '../store.ts';
import type { StoredDevice } from '../stored-records.ts';
import { isEarlierId, positionOf } from './log-position.ts';
import type { HashReader, LookupBatch, WantedHash } from './lookup-batch.ts';
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
export function readLookup(
  from: LookupReads,
  lookup: Lookup,
  key: DeviceKey,
  epoch: () => number,
): Promise<LookupResult> {
  return new Promise((resolve, reject) =>
    new LookupReading(from, lookup, key, epoch, { resolve, reject }).begin(),
  );
}

/** How a look-up ends. */
interface Ends {
  readonly resolve: (result: LookupResult) => void;
  readonly reject: (error: unknown) => void;
}

/** One look-up: the device and the user of the login first, then users of further names. */
class LookupReading implements HashReader {
  private readonly from: LookupReads;
  private readonly lookup: Lookup;
  private readonly key: DeviceKey;
  private readonly epoch: () => number;
  private readonly ends: Ends;
  private readonly logEnds = new Map<number, string>();
  private device: StoredDevice | null = null;
  /** Local parts that were asked for. */
  private missing: readonly string[];

  constructor(from: LookupReads, lookup: Lookup, key: DeviceKey, epoch: () => number, ends: Ends) {
    this.from = from;
    this.lookup = lookup;
    this.key = key;
    this.epoch = epoch;
    this.ends = ends;
    this.missing = lookup.login.missing();
  }

  begin(): void {
    const { reads, keys } = this.from;
    const wanted: WantedHash[] = [{ key: keys.device(this.key, partitionOfDevice(this.key)) }];
    for (const local of this.missing) wanted.push({ key: keys.users(local) });
    reads.ask(wanted, this);
  }

  take(hashes: readonly ReadHash[]): void {
    try {
      this.read(hashes);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.ends.reject(error);
  }

  private read(hashes: readonly ReadHash[]): void {
    const { lookup, key, logEnds } = this;
    let at = 0;
    if (this.device === null) {
      const hash = hashes[at++];
      this.device = storedDevice(key, hash?.values ?? null);
      logEnds.set(partitionOfDevice(key), hash?.end ?? '');
    }
    for (const local of this.missing) addUsers(lookup, logEnds, local, hashes[at++]);
    this.missing = lookup.login.missing();
    if (this.missing.length === 0) {
      this.ends.resolve(lookup.result(this.device, positionOf(logEnds), this.epoch(), Date.now()));
      return;
    }
    const { reads, keys } = this.from;
    reads.ask(
      this.missing.map((local) => ({ key: keys.users(local) })),
      this,
    );
  }
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
