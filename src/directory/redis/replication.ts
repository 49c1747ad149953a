// Owns whether a decision that was written is on a second server: it waits for one replica, where there is one.
import type { Redis } from 'ioredis';
import type { Written } from '../store.ts';
import { connect, ready } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import { followPrimary } from './sentinel-watch.ts';

/** Longest wait for a replica. */
const WAIT_MS = 1_000;

/** A connection of its own, made when it is first needed: WAIT blocks it, and counts the writes made over it. */
export class Replication {
  private readonly options: RedisStoreOptions;
  private connection: Redis | null = null;
  /** The last WAIT; it may not have begun. */
  private last: Promise<unknown> = Promise.resolve();
  /** A WAIT that has not begun: it covers all writes until then. */
  private next: Promise<boolean | null> | null = null;

  constructor(options: RedisStoreOptions) {
    this.options = options;
  }

  /** Runs a write, then waits until one replica has it. */
  async write(work: (connection: Redis) => Promise<void>): Promise<Written> {
    const { options } = this;
    this.connection ??= connect(options, options.commandTimeoutMs + WAIT_MS);
    await ready(this.connection, options);
    await work(this.connection);
    return { replicated: await this.waitTogether(this.connection) };
  }

  followPrimary(): void {
    if (this.connection !== null) followPrimary(this.connection);
  }

  close(): void {
    this.connection?.disconnect();
  }

  /**
   * One WAIT at a time. Redis runs nothing behind a WAIT: behind several, the script of a decision would time out here, and
   * still be run later.
   */
  private waitTogether(connection: Redis): Promise<boolean | null> {
    if (this.next !== null) return this.next;
    const next = this.last.then(() => {
      this.next = null;
      return this.wait(connection);
    });
    this.next = next;
    this.last = next;
    return next;
  }

  /** The write stands, whatever comes of waiting. */
  private async wait(connection: Redis): Promise<boolean | null> {
    try {
      // Without permission for INFO it is not known that there is no replica.
      const info = await connection.info('replication').catch(() => '');
      // Behind Sentinel there should be one.
      if (/^connected_slaves:0\r?$/m.test(info)) return this.options.sentinel === undefined ? null : false;
      return (await connection.wait(1, WAIT_MS)) >= 1;
    } catch {
      return false;
    }
  }
}
