// Owns the choice of the store.
import { EmbeddedStore } from './embedded/embedded-store.ts';
import type { RedisStoreOptions } from './redis/redis-connection.ts';
import { RedisStore } from './redis/redis-store.ts';
import type { DirectoryStore } from './store.ts';

/** Which store, and how to reach it. */
export type StoreOptions =
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions);

/** Opens the store. Rejects when the file cannot be opened or Redis does not answer. */
export async function openStore(options: StoreOptions): Promise<DirectoryStore> {
  return options.kind === 'embedded' ? new EmbeddedStore(options.path) : RedisStore.open(options);
}
