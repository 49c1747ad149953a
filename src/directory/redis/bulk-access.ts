// Owns access to Redis for what feeds report: its pace, and on a single server the connection of calls with many records.
import { FencedError } from '../lease.ts';
import type { LogField, NewField } from './commit-values.ts';
import { ForeignScripts } from './foreign-scripts.ts';
import type { HashAccess } from './hash-writer.ts';
import { readValues } from './lookup-batch.ts';
import type { WantedHash } from './lookup-batch.ts';
import type { CreateAccess, NewRecords } from './new-records.ts';
import { unpackHashes } from './packed-reply.ts';
import type { ReadHash } from './packed-reply.ts';
import { CREATE, READ } from './record-scripts.ts';
import { isCluster } from './redis-cluster.ts';
import type { RedisAddress, RedisClient } from './redis-cluster.ts';
import { connectRaw } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import type { RedisGuard } from './redis-guard.ts';
import { FENCED } from './redis-scripts.ts';
import { ReplyStream } from './reply-stream.ts';
import type { ScriptClient } from './run-script.ts';
import { ScriptStream } from './script-stream.ts';
import { addOn, commitOn } from './store-access.ts';
import type { WriteOptions } from './store-access.ts';
import { WritePace } from './write-pace.ts';

/** More records than a gateway writes at once: a bulk. */
export const MAX_OF_GATEWAY = 500;

/** Access for records of which many are new. */
export interface BulkHashAccess extends HashAccess {
  /** Writes a field of hashes of one partition that were not read. Returns the numbers of those that were not written, from 1. */
  readonly add: (added: NewField, log: LogField) => Promise<readonly number[]>;
}

/** Access for the writes of feeds. */
export class BulkAccess {
  private readonly guard: RedisGuard;
  private readonly onFenced: () => void;
  private readonly pace: WritePace;
  /** Runs the scripts of a bulk; null = on a Cluster. */
  private readonly stream: ScriptStream | null;

  /** `onFenced`: another leader writes by now. */
  constructor(client: RedisClient, guard: RedisGuard, options: RedisStoreOptions, onFenced: () => void) {
    this.guard = guard;
    this.onFenced = onFenced;
    // Each node of a Cluster counts its own scripts, so a Cluster always counts as busy.
    if (isCluster(client)) {
      this.stream = null;
      this.pace = new WritePace(() => false);
      return;
    }
    const stream = new ScriptStream(() => openStream(options));
    // Over the connection of the bulk, where there is one: most own scripts are under way there, and the count includes these.
    const others = new ForeignScripts(
      () => (stream.isOpen ? stream.info('commandstats') : client.info('commandstats')),
      () => guard.scripts,
    );
    this.stream = stream;
    // The address may lead to another server by now.
    client.on('close', () => stream.leave());
    this.pace = new WritePace(() => others.isQuiet());
  }

  /** Access for a call with so many records. */
  access(records: number, fence?: number): BulkHashAccess {
    const { guard, pace } = this;
    const on = this.connectionFor(records);
    return {
      read: (wanted) => readOn(guard, wanted, on),
      commit: (changes, log) => this.unlessFenced(commitOn(guard, changes, log, { fence, on })),
      add: (added, log) => this.unlessFenced(addOn(guard, added, log, { fence, on })),
      turn: (count) => pace.turn(count),
      size: () => pace.size(),
    };
  }

  /** Access for records that may be new (new-records.ts); null = on a Cluster. */
  creation(records: number, fence?: number): CreateAccess | null {
    const { guard, pace } = this;
    if (this.stream === null) return null;
    const on = this.connectionFor(records);
    return {
      create: (some) => this.unlessFenced(createOn(guard, some, { fence, on })),
      turn: (count) => pace.turn(count),
      size: () => pace.size(),
    };
  }

  /** Sentinel announced this primary: a connection that leads elsewhere ends, and the next bulk makes another one. */
  followPrimary(primary: RedisAddress): void {
    this.stream?.followPrimary(primary);
  }

  close(): void {
    this.stream?.close();
  }

  private connectionFor(records: number): ScriptStream | undefined {
    return records > MAX_OF_GATEWAY ? (this.stream ?? undefined) : undefined;
  }

  private async unlessFenced<T>(written: Promise<T>): Promise<T> {
    try {
      return await written;
    } catch (error) {
      if (!isFenced(error)) throw error;
      this.onFenced();
      throw new FencedError();
    }
  }
}

/** Reads hashes of one partition that are to be changed. */
async function readOn(
  guard: RedisGuard,
  wanted: readonly WantedHash[],
  on: ScriptClient | undefined,
): Promise<readonly ReadHash[]> {
  const keys = wanted.map(({ key }) => key);
  return unpackHashes(await guard.script(READ, keys, readValues(wanted), on), true);
}

/** Runs the script CREATE. */
async function createOn(
  guard: RedisGuard,
  records: NewRecords,
  { fence, on }: WriteOptions,
): Promise<readonly number[]> {
  return (await guard.script(CREATE, records.hashes, records.values(fence), on)) as number[];
}

async function openStream(options: RedisStoreOptions): Promise<ReplyStream> {
  return new ReplyStream(await connectRaw(options), options.commandTimeoutMs);
}

/** The guard may have wrapped the error of Redis in one of its own. */
function isFenced(error: unknown): boolean {
  return error instanceof Error && (error.message.includes(FENCED) || isFenced(error.cause));
}
