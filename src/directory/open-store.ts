// Owns the choice of the store.
import { EmbeddedKeeper } from './embedded/embedded-keeper.ts';
import { EmbeddedStore } from './embedded/embedded-store.ts';
import type { RedisStoreOptions } from './redis/redis-connection.ts';
import { RedisKeeper } from './redis/redis-keeper.ts';
import { RedisStore } from './redis/redis-store.ts';
import { UNGUARDED } from './store-guard.ts';
import type { GuardOptions } from './store-guard.ts';
import type { StoreKeeper } from './store-keeper.ts';
import type { DirectoryStore } from './store.ts';

/** Which store, how to reach it, and what is known of it. */
export type StoreOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions)
) & {
  /** Absent = nothing. */
  readonly known?: StoreKnowledge;
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
  return options.kind === 'embedded'
    ? new EmbeddedStore(options.path, guard)
    : RedisStore.open(options, guard);
}

/** Opens the identity of the store alone. */
export async function openKeeper(options: StoreOptions): Promise<StoreKeeper> {
  return options.kind === 'embedded' ? new EmbeddedKeeper(options.path) : RedisKeeper.open(options);
}
