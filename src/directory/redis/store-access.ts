// Owns how a store reads and writes hashes in Redis: reads of one turn together, changes by the script COMMIT, and writes in bulk at a pace, with
// the fence of a leader.
import { FencedError } from '../lease.ts';
import { commitValues } from './commit-values.ts';
import type { KeyChange, LogField } from './commit-values.ts';
import { ForeignScripts } from './foreign-scripts.ts';
import type { HashAccess } from './hash-writer.ts';
import { LookupBatch, readValues } from './lookup-batch.ts';
import type { WantedHash } from './lookup-batch.ts';
import { unpackHashes } from './packed-reply.ts';
import type { ReadHash } from './packed-reply.ts';
import { COMMIT, READ } from './record-scripts.ts';
import { hashTag, isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import type { RedisGuard } from './redis-guard.ts';
import { FENCED } from './redis-scripts.ts';
import { WritePace } from './write-pace.ts';

/** Reads and writes of one store. */
export class StoreAccess {
  readonly reads: LookupBatch;
  /** Writes of gateways and of single records. */
  readonly direct: HashAccess;
  /** Writes in bulk: as fast as look-ups beside them allow. */
  readonly paced: HashAccess;
  private readonly guard: RedisGuard;
  private readonly onFenced: () => void;

  /** `onFenced` is called when a write was refused, because another leader writes by now. */
  constructor(client: RedisClient, guard: RedisGuard, onFenced: () => void) {
    this.guard = guard;
    this.onFenced = onFenced;
    this.reads = new LookupBatch(
      (keys, values) => guard.script(READ, keys, values),
      isCluster(client) ? hashTag : null,
    );
    this.direct = this.over(undefined);
    // Each node of a Cluster counts its own scripts, so a Cluster always counts as busy.
    const others = isCluster(client)
      ? null
      : new ForeignScripts(
          () => client.info('commandstats'),
          () => guard.scripts,
        );
    const pace = new WritePace(() => others?.isQuiet() ?? false);
    this.paced = {
      ...this.direct,
      read: (wanted) => this.readPart(wanted),
      turn: (records) => pace.turn(records),
      size: () => pace.size(),
    };
  }

  /** Writes over a connection of its own; absent = over that of the store. */
  over(connection: RedisClient | undefined): HashAccess {
    return {
      read: (wanted) => this.reads.read(wanted),
      commit: (changes, log) => this.commit(changes, log, undefined, connection),
    };
  }

  /** Writes in bulk. Those of a leader carry its fence behind the field of the log. */
  bulk(fence: number | undefined): HashAccess {
    if (fence === undefined) return this.paced;
    return {
      ...this.paced,
      commit: async (changes, log) => {
        try {
          return await this.commit(changes, log, fence);
        } catch (error) {
          if (!isFenced(error)) throw error;
          this.onFenced();
          throw new FencedError();
        }
      },
    };
  }

  /** Reads hashes of one partition that are to be changed. */
  private async readPart(wanted: readonly WantedHash[]): Promise<readonly ReadHash[]> {
    const keys = wanted.map(({ key }) => key);
    return unpackHashes(await this.guard.script(READ, keys, readValues(wanted)), true);
  }

  /** Runs the script COMMIT. */
  private async commit(
    changes: readonly KeyChange[],
    log: LogField,
    fence?: number,
    on?: RedisClient,
  ): Promise<readonly number[]> {
    const keys = changes.map(({ key }) => key);
    return (await this.guard.script(COMMIT, keys, commitValues(changes, log, fence), on)) as number[];
  }
}

/** The guard may have put words around Redis's own. */
function isFenced(error: unknown): boolean {
  return error instanceof Error && (error.message.includes(FENCED) || isFenced(error.cause));
}
