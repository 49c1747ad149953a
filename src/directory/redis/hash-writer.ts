// Owns changes of hashes in Redis: read, join with what is new, write only over what was read; those that another writer was
// faster with are joined again.
import type { WantedHash } from './lookup-batch.ts';
import { MAX_CHANGES } from './change-log.ts';
import type { ReadHash } from './packed-reply.ts';

/** A field that is written over exactly `expected`; null = none. */
export interface FieldChange {
  readonly field: string;
  readonly expected: string | null;
  readonly next: string | null;
}

/** What to write into a hash: all of its fields, or none if one of them is not as expected. */
export interface HashChange {
  readonly fields: readonly FieldChange[];
  /**
   * For the change log, separated by spaces: users, encoded; or partnerships as `DEVICE:USER`; '=' = the device of the hash. '' = no
   * verdict changes.
   */
  readonly news: string;
  /** The hash must not exist. */
  readonly isNew?: boolean;
}

/** A change of one hash. */
export interface HashUpdate {
  readonly wanted: WantedHash;
  /** May be called again with what another writer wrote. Null = there is nothing to write. */
  readonly join: (stored: ReadHash['values']) => HashChange | null;
}

/** The field of the log that a script writes: `d` = devices and partnerships, `u` = users. */
export type LogField = 'd' | 'u';

/** Access to Redis. */
export interface HashAccess {
  readonly read: (wanted: readonly WantedHash[]) => Promise<readonly ReadHash[]>;
  /** Resolves when so many records may be written; absent = at once. */
  readonly turn?: (records: number) => Promise<void>;
  /** Runs the script COMMIT. Returns the numbers of the keys that were not written, from 1. */
  readonly commit: (keys: readonly string[], values: readonly string[]) => Promise<readonly number[]>;
}

/** Hashes that one script writes: Redis is blocked meanwhile, for a fraction of a millisecond. */
const HASHES_PER_SCRIPT = 32;
/** Scripts under way at once: look-ups of other gateways stand behind them in Redis. */
const MAX_SCRIPTS = 4;
/** Most attempts to change one record against other writers. */
const MAX_ATTEMPTS = 8;

/**
 * Updates hashes of one partition, at most {@link HASHES_PER_SCRIPT}; `seen`: as they were read already. Rejects when other writers
 * keep changing one.
 */
export async function updateHashes(
  { read, commit }: HashAccess,
  updates: readonly HashUpdate[],
  log: LogField,
  seen?: readonly ReadHash[],
): Promise<void> {
  let open = updates;
  let known = seen;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const stored = known ?? (await read(open.map(({ wanted }) => wanted)));
    known = undefined;
    const written: HashUpdate[] = [];
    const keys: string[] = [];
    const values: string[] = [String(MAX_CHANGES), log];
    for (const [index, update] of open.entries()) {
      const change = update.join(stored[index]?.values ?? null);
      if (change === null || change.fields.length === 0) continue;
      written.push(update);
      keys.push(update.wanted.key);
      values.push(change.news, `${change.isNew === true ? '!' : ''}${change.fields.length}`);
      for (const { field, expected, next } of change.fields) values.push(field, expected ?? '', next ?? '');
    }
    if (keys.length === 0) return;
    const failed = await commit(keys, values);
    if (failed.length === 0) return;
    open = failed.flatMap((number) => written[number - 1] ?? []);
  }
  throw new Error('the records keep changing');
}

/** Runs work on parts, a few at a time. Stops at the first failure. */
export async function inParallel<T>(parts: readonly T[], work: (part: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < parts.length) {
      const part = parts[next++];
      if (part !== undefined) await work(part);
    }
  };
  const workers = Array.from({ length: Math.min(MAX_SCRIPTS, parts.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    next = parts.length;
    throw error;
  }
}

/** Items of one partition. */
export interface Part<T> {
  readonly partition: number;
  readonly items: readonly T[];
}

/** Parts of limited size, each of one partition. */
export function byPartition<T>(items: Iterable<T>, partitionOf: (item: T) => number): Part<T>[] {
  const open = new Map<number, T[]>();
  const parts: Part<T>[] = [];
  for (const item of items) {
    const partition = partitionOf(item);
    const part = open.get(partition);
    if (part !== undefined && part.length < HASHES_PER_SCRIPT) {
      part.push(item);
      continue;
    }
    const fresh = [item];
    open.set(partition, fresh);
    parts.push({ partition, items: fresh });
  }
  return parts;
}
