// Owns the identity of a directory in Redis for `easgate store`: read and written without the checks of a gateway.
import { setTimeout } from 'node:timers/promises';
import type { StoreIdentity, StoreOutageError } from '../store-identity.ts';
import type { Migration, StoreKeeper } from '../store-keeper.ts';
import { replicationInfo } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { connect, explained, placeOf, ready } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import { readIdentity, replaceIdentity, stalenessOf } from './redis-identity.ts';
import { RedisKeys } from './redis-keys.ts';
import { RedisMigration } from './redis-migration.ts';

/** Up to this length of a value Redis keeps a hash compactly; reports are longer than the default of 64 bytes. */
const LISTPACK_SETTING = 'hash-max-listpack-value';
const LISTPACK_BYTES = 1_024;

export class RedisKeeper implements StoreKeeper {
  readonly place: string;
  private readonly client: RedisClient;
  private readonly keys: RedisKeys;
  private readonly options: RedisStoreOptions;

  private constructor(options: RedisStoreOptions) {
    this.options = options;
    this.place = placeOf(options);
    this.client = connect(options, options.commandTimeoutMs);
    this.keys = new RedisKeys(options.keyPrefix, options.cluster !== undefined);
  }

  /** Connects; rejects as soon as the reason for a failure is known. */
  static async open(options: RedisStoreOptions): Promise<RedisKeeper> {
    const keeper = new RedisKeeper(options);
    try {
      await ready(keeper.client, options);
    } catch (error) {
      await keeper.close();
      throw error;
    }
    return keeper;
  }

  async read(): Promise<StoreIdentity | null> {
    return (await explained(readIdentity(this.client, this.keys), this.options)).identity;
  }

  async replace(before: StoreIdentity | null, after: StoreIdentity): Promise<boolean> {
    const { client, keys, options } = this;
    const { identity, text } = await explained(readIdentity(client, keys), options);
    if (identity?.id !== before?.id || identity?.epoch !== before?.epoch) return false;
    return explained(replaceIdentity(client, keys, text, after), options);
  }

  migrate(): Promise<Migration> {
    return new RedisMigration(this.client, this.keys).run(setTimeout);
  }

  async stale(): Promise<StoreOutageError | null> {
    return stalenessOf(this.place, await replicationInfo(this.client, this.keys.beat).catch(() => ''));
  }

  /** Nothing where the account may not read settings, as that of SECURITY.md. */
  async advice(): Promise<readonly string[]> {
    const [name = '', value = ''] = (await this.client
      .config('GET', LISTPACK_SETTING)
      .catch(() => [])) as string[];
    if (name !== LISTPACK_SETTING || Number(value) >= LISTPACK_BYTES) return [];
    return [
      `${LISTPACK_SETTING} is ${value}: with ${LISTPACK_BYTES} in redis.conf the directory takes a fifth less memory`,
    ];
  }

  async close(): Promise<void> {
    this.client.disconnect();
  }
}
