// Owns the choice of the store.
import { UserNames } from '../identity/user-names.ts';
import { EmbeddedStore } from './embedded/embedded-store.ts';
import type { RedisStoreOptions } from './redis/redis-connection.ts';
import { RedisStore } from './redis/redis-store.ts';
import type { DirectoryStore } from './store.ts';

/** Which store, how to reach it, and the groups of domains within which names are one user; absent = none. */
export type StoreOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions)
) & { readonly domains?: readonly (readonly string[])[] };

/** Opens the store. Rejects when the file cannot be opened or Redis does not answer. */
export async function openStore(options: StoreOptions): Promise<DirectoryStore> {
  const names = new UserNames(options.domains ?? []);
  return options.kind === 'embedded'
    ? new EmbeddedStore(options.path, names)
    : RedisStore.open(options, names);
}
