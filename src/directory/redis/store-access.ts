// Owns how a store reads and writes hashes in Redis: reads of one turn together, changes by the script COMMIT. Writes in bulk: bulk-access.ts.
import { commitValues, newFieldValues } from './commit-values.ts';
import type { KeyChange, LogField, NewField } from './commit-values.ts';
import type { HashAccess } from './hash-writer.ts';
import { LookupBatch } from './lookup-batch.ts';
import { COMMIT, READ } from './record-scripts.ts';
import { hashTag, isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import type { RedisGuard } from './redis-guard.ts';
import type { ScriptClient } from './run-script.ts';

/** How a write is made; `fence`: of the leader that writes; `on`: a connection of its own. */
export interface WriteOptions {
  readonly fence?: number | undefined;
  readonly on?: ScriptClient | undefined;
}

/** Runs the script COMMIT. */
export async function commitOn(
  guard: RedisGuard,
  changes: readonly KeyChange[],
  log: LogField,
  { fence, on }: WriteOptions = {},
): Promise<readonly number[]> {
  const keys = changes.map(({ key }) => key);
  return (await guard.script(COMMIT, keys, commitValues(changes, log, fence), on)) as number[];
}

/** Likewise, for one field of hashes that were not read. */
export async function addOn(
  guard: RedisGuard,
  added: NewField,
  log: LogField,
  { fence, on }: WriteOptions,
): Promise<readonly number[]> {
  return (await guard.script(COMMIT, added.keys, newFieldValues(added, log, fence), on)) as number[];
}

/** Reads and writes of one store. */
export class StoreAccess {
  readonly reads: LookupBatch;
  /** Writes of gateways and of single records. */
  readonly direct: HashAccess;
  private readonly guard: RedisGuard;

  constructor(client: RedisClient, guard: RedisGuard) {
    this.guard = guard;
    this.reads = new LookupBatch(
      (keys, values) => guard.script(READ, keys, values),
      isCluster(client) ? hashTag : null,
    );
    this.direct = this.over(undefined);
  }

  /** Writes over a connection of its own; absent = over that of the store. */
  over(connection: RedisClient | undefined): HashAccess {
    return {
      read: (wanted) => this.reads.read(wanted),
      commit: (changes, log) => commitOn(this.guard, changes, log, { on: connection }),
    };
  }
}
