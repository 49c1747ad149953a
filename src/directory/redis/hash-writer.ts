// Owns changes of hashes in Redis: read, join with what is new, write only over what was read; those that another writer was
// faster with are joined again.
import type { HashChange, KeyChange, LogField } from './commit-values.ts';
import type { WantedHash } from './lookup-batch.ts';
import type { ReadHash } from './packed-reply.ts';

/** A change of one hash. */
export interface HashUpdate extends WantedHash {
  /** May be called again with what another writer wrote. Null = there is nothing to write. */
  readonly join: (stored: ReadHash['values']) => HashChange | null;
}

/** How much is written at once. */
export interface WriteSize {
  /** Hashes that one script writes: Redis is blocked meanwhile. */
  readonly hashes: number;
  /** Scripts under way at once: look-ups of other gateways stand behind them in Redis. */
  readonly scripts: number;
}

/** Beside look-ups: Redis is blocked for a fraction of a millisecond. */
export const SMALL: WriteSize = { hashes: 32, scripts: 4 };
/** While nobody else uses Redis. */
export const LARGE: WriteSize = { hashes: 128, scripts: 12 };

/** Access to Redis. */
export interface HashAccess {
  readonly read: (wanted: readonly WantedHash[]) => Promise<readonly ReadHash[]>;
  /** Resolves when so many records may be written; absent = at once. */
  readonly turn?: (records: number) => Promise<void>;
  /** How much may be written at once, now. Absent = {@link SMALL}. */
  readonly size?: () => WriteSize;
  /** Runs the script COMMIT. Returns the numbers of the changes that were not written, from 1. */
  readonly commit: (changes: readonly KeyChange[], log: LogField) => Promise<readonly number[]>;
}

/** Most attempts to change one record against other writers. */
const MAX_ATTEMPTS = 8;

/**
 * Updates hashes of one partition, as many as fit into one script; `seen`: as they were read already, where they were. Rejects when other
 * writers keep changing one.
 */
export async function updateHashes(
  { read, commit }: HashAccess,
  updates: readonly HashUpdate[],
  log: LogField,
  seen: readonly (ReadHash | undefined)[] = [],
): Promise<void> {
  let open = updates;
  let known = seen;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const stored = await withUnread(read, open, known);
    known = [];
    const written: HashUpdate[] = [];
    const changes: KeyChange[] = [];
    for (const [index, update] of open.entries()) {
      const change = update.join(stored[index]?.values ?? null);
      if (change === null || change.fields.length === 0) continue;
      written.push(update);
      changes.push({ key: update.key, change });
    }
    if (changes.length === 0) return;
    const failed = await commit(changes, log);
    if (failed.length === 0) return;
    open = failed.flatMap((number) => written[number - 1] ?? []);
  }
  throw new Error('the records keep changing');
}

/** Reads the hashes that were not read yet. */
async function withUnread(
  read: HashAccess['read'],
  updates: readonly HashUpdate[],
  seen: readonly (ReadHash | undefined)[],
): Promise<readonly (ReadHash | undefined)[]> {
  const unread = seen.length === 0 ? updates : updates.filter((_, index) => seen[index] === undefined);
  if (unread.length === 0) return seen;
  const found = await read(unread);
  if (unread.length === updates.length) return found;
  let next = 0;
  return updates.map((_, index) => seen[index] ?? found[next++]);
}

/** Runs work on items, as many at a time as there may be scripts under way. Stops at the first failure. */
export async function inParallel<T>(
  { size = () => SMALL }: Pick<HashAccess, 'size'>,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const settled = async (item: T): Promise<void> => {
    try {
      await work(item);
    } catch (error) {
      failures.push(error);
    }
  };
  for (const item of items) {
    const done = settled(item).finally(() => underWay.delete(done));
    underWay.add(done);
    // What was made is sent before more is made: otherwise Redis would wait for all of it, and then be waited for.
    await Promise.resolve();
    while (underWay.size >= size().scripts) await Promise.race(underWay);
    if (failures.length > 0) throw failures[0];
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}

/** Items of one partition. */
export interface Part<T> {
  readonly partition: number;
  readonly items: readonly T[];
}

/** Parts for one script each, as large as they may be when they are asked for. In turns: on a Cluster the partitions are on several servers. */
export function* byPartition<T>(
  { size = () => SMALL }: Pick<HashAccess, 'size'>,
  items: Iterable<T>,
  partitionOf: (item: T) => number,
): Generator<Part<T>> {
  const groups = [...Map.groupBy(items, partitionOf)].map(([partition, all]) => ({ partition, all, at: 0 }));
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    const { partition, all, at } = group;
    const end = at + size().hashes;
    if (end < all.length) groups.push({ partition, all, at: end });
    yield { partition, items: all.slice(at, end) };
  }
}
