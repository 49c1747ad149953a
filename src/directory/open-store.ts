// Owns opening the configured store.
import { existsSync } from 'node:fs';
import { UserNames } from '../identity/user-names.ts';
import type { SourceOrder } from './device-reports.ts';
import { giveToOwner, prepareFile } from './embedded/file-trouble.ts';
import { EmbeddedKeeper } from './embedded/embedded-keeper.ts';
import { EmbeddedStore } from './embedded/embedded-store.ts';
import { withBackgroundTimeout } from './background-timeout.ts';
import type { RedisStoreOptions } from './redis/redis-connection.ts';
import { UNGUARDED } from './store-guard.ts';
import type { GuardOptions } from './store-guard.ts';
import type { StoreKeeper } from './store-keeper.ts';
import type { DirectoryStore } from './store.ts';

/** SQLite's name of a database without a file. */
const IN_MEMORY = ':memory:';

/** Kind and address of the store, what is known of its identity, and the groups of domains (user-names.ts). */
export type StoreOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions)
) & {
  /** Absent = nothing is known. */
  readonly known?: StoreKnowledge;
  /** Absent = no groups. */
  readonly domains?: readonly (readonly string[])[];
  /** Precedence of the sources of reports. Absent = by name. */
  readonly sources?: SourceOrder;
};

/** Where the store's identity is recorded, and what it must be; see {@link GuardOptions}. */
export type StoreKnowledge = Pick<GuardOptions, 'memory' | 'id' | 'maxRollbackMs'>;

/** Whether a process serves, and where it logs. */
export type StoreRole = Pick<GuardOptions, 'serves' | 'onEvent'>;

/**
 * Opens the store. Rejects when the file cannot be opened or Redis does not answer; with a StoreOutageError when it is
 * not the known store. Who does not serve waits longer for Redis (background-timeout.ts).
 */
export async function openStore(options: StoreOptions, role: StoreRole = UNGUARDED): Promise<DirectoryStore> {
  const { serves, onEvent } = role;
  const guard: GuardOptions = { ...UNGUARDED, ...options.known, serves, onEvent };
  const names = new UserNames(options.domains ?? []);
  if (options.kind === 'redis') {
    // Loaded on demand: the Redis client takes longer to load than a short command runs.
    const { RedisStore } = await import('./redis/redis-store.ts');
    return RedisStore.open(serves ? options : withBackgroundTimeout(options), names, guard, options.sources);
  }
  const isFile = options.path !== IN_MEMORY;
  const fresh = isFile && prepareFile(options.path);
  const store = new EmbeddedStore(options.path, names, guard, options.sources);
  if (fresh) giveToOwner(options.path);
  return store;
}

/** The SQLite file that opening the store would create; null = there is one, or another kind of store. */
export function fileToCreate(options: StoreOptions): string | null {
  if (options.kind !== 'embedded' || options.path === IN_MEMORY) return null;
  return existsSync(options.path) ? null : options.path;
}

/** Opens only the identity of the store. */
export async function openKeeper(options: StoreOptions): Promise<StoreKeeper> {
  if (options.kind === 'embedded') return new EmbeddedKeeper(options.path);
  const { RedisKeeper } = await import('./redis/redis-keeper.ts');
  return RedisKeeper.open(withBackgroundTimeout(options));
}
