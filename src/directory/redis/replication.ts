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

  constructor(options: RedisStoreOptions) {
    this.options = options;
  }

  /** Runs a write, then waits until one replica has it. */
  async write(work: (connection: Redis) => Promise<void>): Promise<Written> {
    const { options } = this;
    this.connection ??= connect(options, options.commandTimeoutMs + WAIT_MS);
    await ready(this.connection, options);
    await work(this.connection);
    return { replicated: await this.wait(this.connection) };
  }

  followPrimary(): void {
    if (this.connection !== null) followPrimary(this.connection);
  }

  close(): void {
    this.connection?.disconnect();
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
