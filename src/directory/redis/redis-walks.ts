// Owns the walks over a whole directory in Redis as the store offers them, and the connections that they open.
import { deviceEntries, userEntries } from '../entries.ts';
import type { SourceOrder } from '../device-reports.ts';
import type { DeviceEntry, SentWalk, UserEntry } from '../store.ts';
import type { RedisClient } from './redis-cluster.ts';
import { connectRaw } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import type { RedisGuard } from './redis-guard.ts';
import type { RedisKeys } from './redis-keys.ts';
import { ReplyStream } from './reply-stream.ts';
import {
  holdsDevices,
  scanDevices,
  scanFailures,
  scanPacked,
  scanPackedUsers,
  unpackDevices,
  unpackUsers,
} from './scan.ts';
import type { Walked } from './scan.ts';

/** What walks need of the store. */
export interface WalkedStore {
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  readonly guard: RedisGuard;
  readonly sources: SourceOrder;
}

/** Walks over one store, until closed. */
export class RedisWalks {
  /** For several threads. */
  readonly spread: SentWalk;
  private readonly options: RedisStoreOptions;
  private readonly walked: Walked;
  private readonly guard: RedisGuard;
  private readonly sources: SourceOrder;
  /** Connections of walks under way. */
  private readonly streams = new Set<ReplyStream>();
  private isClosed = false;

  constructor({ client, keys, guard, sources }: WalkedStore, options: RedisStoreOptions) {
    this.options = options;
    this.guard = guard;
    this.sources = sources;
    this.walked = {
      client,
      keys,
      run: (script, on, values) => guard.script(script, on, values),
      openStream: () => this.openStream(),
      compared: (read) => guard.compared(read),
    };
    this.spread = {
      kind: 'sent',
      holds: (count) => holdsDevices(this.walked, count),
      scan: () => scanPacked(this.walked),
      users: (packed, withDevices) => userEntries(unpackUsers(packed, withDevices), sources, this.epoch),
      devices: (packed) => deviceEntries(unpackDevices(packed), sources, this.epoch),
    };
  }

  async *devices(): AsyncIterable<readonly DeviceEntry[]> {
    for await (const stored of scanDevices(this.walked))
      yield [...deviceEntries(stored, this.sources, this.epoch)];
  }

  async *users(withDevices: boolean): AsyncIterable<readonly UserEntry[]> {
    for await (const packed of scanPackedUsers(this.walked))
      yield [...userEntries(unpackUsers(packed, withDevices), this.sources, this.epoch)];
  }

  /** Malformed records of users. */
  failures(): ReturnType<typeof scanFailures> {
    return scanFailures(this.walked);
  }

  close(): void {
    this.isClosed = true;
    for (const stream of this.streams) stream.close();
  }

  private get epoch(): number {
    return this.guard.guard.epoch;
  }

  private async openStream(): Promise<ReplyStream> {
    const connection = await connectRaw(this.options);
    const stream = new ReplyStream(connection, this.options.commandTimeoutMs);
    this.streams.add(stream);
    connection.socket.once('close', () => this.streams.delete(stream));
    if (this.isClosed) stream.close();
    return stream;
  }
}
