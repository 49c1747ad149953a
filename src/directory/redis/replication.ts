// Owns whether a decision that was written is on a second server: it waits for one replica, where there is one.
import type { Written } from '../store.ts';
import { hashTag, isCluster, replicationInfo, waitForReplica } from './redis-cluster.ts';
import type { RedisAddress, RedisClient } from './redis-cluster.ts';
import { connect, ready } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import { followPrimary } from './sentinel-watch.ts';

/** Longest wait for a replica. */
const WAIT_MS = 1_000;

/** A connection of its own, made when it is first needed: WAIT blocks it, and counts the writes made over it. */
export class Replication {
  private readonly options: RedisStoreOptions;
  private connection: RedisClient | null = null;
  /** The last WAIT; it may not have begun. */
  private last: Promise<unknown> = Promise.resolve();
  /** A WAIT that has not begun, by the server of a key: it covers all writes until then. */
  private readonly next = new Map<string, Promise<boolean | null>>();

  constructor(options: RedisStoreOptions) {
    this.options = options;
  }

  /** Runs a write to a key, then waits until one replica has it. */
  async write(key: string, work: (connection: RedisClient) => Promise<void>): Promise<Written> {
    const { options } = this;
    this.connection ??= connect(options, options.commandTimeoutMs + WAIT_MS);
    await ready(this.connection, options);
    await work(this.connection);
    return { replicated: await this.waitTogether(this.connection, key) };
  }

  followPrimary(primary: RedisAddress): void {
    if (this.connection !== null && !isCluster(this.connection)) followPrimary(this.connection, primary);
  }

  close(): void {
    this.connection?.disconnect();
  }

  /**
   * One WAIT at a time. Redis runs nothing behind a WAIT: behind several, the script of a decision would time out here, and
   * still be run later.
   */
  private waitTogether(connection: RedisClient, key: string): Promise<boolean | null> {
    const server = isCluster(connection) ? hashTag(key) : '';
    const waiting = this.next.get(server);
    if (waiting !== undefined) return waiting;
    const next = this.last.then(() => {
      this.next.delete(server);
      return this.wait(connection, key);
    });
    this.next.set(server, next);
    this.last = next;
    return next;
  }

  /** The write stands, whatever comes of waiting. */
  private async wait(connection: RedisClient, key: string): Promise<boolean | null> {
    try {
      // Without permission for INFO it is not known that there is no replica.
      const info = await replicationInfo(connection, key).catch(() => '');
      // Behind Sentinel there should be one.
      if (/^connected_slaves:0\r?$/m.test(info)) return this.options.sentinel === undefined ? null : false;
      return (await waitForReplica(connection, key, WAIT_MS)) >= 1;
    } catch {
      return false;
    }
  }
}
