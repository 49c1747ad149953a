// Owns the choice of the store.
import { UserNames } from '../identity/user-names.ts';
import { fileError, giveToOwner, prepareFile } from './embedded/file-trouble.ts';
import { EmbeddedStore } from './embedded/embedded-store.ts';
import type { RedisStoreOptions } from './redis/redis-connection.ts';
import type { DirectoryStore } from './store.ts';

/** Which store, how to reach it, and the groups of domains within which names are one user; absent = none. */
export type StoreOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions)
) & { readonly domains?: readonly (readonly string[])[] };

/** What SQLite calls a database without a file. */
const IN_MEMORY = ':memory:';

/** Opens the store. Rejects when the file cannot be opened or Redis does not answer. */
export async function openStore(options: StoreOptions): Promise<DirectoryStore> {
  const names = new UserNames(options.domains ?? []);
  // Loaded only where it is used: the client of Redis takes longer to load than a short command takes in all.
  if (options.kind === 'redis')
    return (await import('./redis/redis-store.ts')).RedisStore.open(options, names);
  const isFile = options.path !== IN_MEMORY;
  const fresh = isFile && prepareFile(options.path);
  try {
    const store = new EmbeddedStore(options.path, names);
    if (fresh) giveToOwner(options.path);
    return store;
  } catch (error) {
    throw fileError(error, options.path);
  }
}
