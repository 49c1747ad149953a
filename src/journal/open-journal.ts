// Owns opening the store of the journal, which goes with the store of the directory.
import type { RedisStoreOptions } from '../directory/redis/redis-connection.ts';
import { UserNames } from '../identity/user-names.ts';
import { EmbeddedJournal } from './embedded-journal.ts';
import type { JournalStore, Retention } from './journal-store.ts';

/** Where the journal is, and how long entries are kept. */
export type JournalOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({ readonly kind: 'redis' } & RedisStoreOptions)
) & {
  readonly retention: Retention;
  /** Groups of domains (user-names.ts). */
  readonly domains?: readonly (readonly string[])[];
};

/** A worker must not wait for another process: it tries again a second later. Commands can wait. */
const BUSY_MS = { worker: 20, command: 2_000 } as const;

/** Opens the journal; whether it can be reached shows at its first use. */
export async function openJournalStore(
  options: JournalOptions,
  role: 'worker' | 'command',
): Promise<JournalStore> {
  const { retention } = options;
  const names = new UserNames(options.domains ?? []);
  if (options.kind === 'embedded')
    return new EmbeddedJournal(options.path, { retention, names, busyMs: BUSY_MS[role] });
  // Loaded on demand: the Redis client takes longer to load than a short command runs.
  const { RedisJournal } = await import('./redis-journal.ts');
  return new RedisJournal(options, retention, names);
}
