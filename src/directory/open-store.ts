// Owns the choice of the store.
import { UserNames } from '../identity/user-names.ts';
import { giveToOwner, prepareFile } from './embedded/file-trouble.ts';
import { EmbeddedKeeper } from './embedded/embedded-keeper.ts';
import { EmbeddedStore } from './embedded/embedded-store.ts';
import type { RedisStoreOptions } from './redis/redis-connection.ts';
import { UNGUARDED } from './store-guard.ts';
import type { GuardOptions } from './store-guard.ts';
import type { StoreKeeper } from './store-keeper.ts';
import type { DirectoryStore } from './store.ts';

/** What SQLite calls a database without a file. */
const IN_MEMORY = ':memory:';

/** Which store, how to reach it, what is known of it, and the groups of domains within which names are one user. */
export type StoreOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions)
) & {
  /** Absent = nothing. */
  readonly known?: StoreKnowledge;
  /** Absent = none. */
  readonly domains?: readonly (readonly string[])[];
};

/** Where a store is remembered, and what it must be; see {@link GuardOptions}. */
export type StoreKnowledge = Pick<GuardOptions, 'memory' | 'id' | 'maxRollbackMs'>;

/** How a process works with the store. */
export type StoreRole = Pick<GuardOptions, 'serves' | 'onEvent'>;

/**
 * Opens the store. Rejects when the file cannot be opened or Redis does not answer, and with a StoreOutageError when it is
 * not the known store.
 */
export async function openStore(options: StoreOptions, role: StoreRole = UNGUARDED): Promise<DirectoryStore> {
  const { serves, onEvent } = role;
  const guard: GuardOptions = { ...UNGUARDED, ...options.known, serves, onEvent };
  const names = new UserNames(options.domains ?? []);
  if (options.kind === 'redis') {
    // Loaded only where it is used: the client of Redis takes longer to load than a short command takes in all.
    const { RedisStore } = await import('./redis/redis-store.ts');
    return RedisStore.open(options, names, guard);
  }
  const isFile = options.path !== IN_MEMORY;
  const fresh = isFile && prepareFile(options.path);
  const store = new EmbeddedStore(options.path, names, guard);
  if (fresh) giveToOwner(options.path);
  return store;
}

/** Opens the identity of the store alone. */
export async function openKeeper(options: StoreOptions): Promise<StoreKeeper> {
  if (options.kind === 'embedded') return new EmbeddedKeeper(options.path);
  const { RedisKeeper } = await import('./redis/redis-keeper.ts');
  return RedisKeeper.open(options);
}
