// Owns opening the store of the journal, which goes with the store of the directory.
import { withBackgroundTimeout } from '../directory/background-timeout.ts';
import type { RedisStoreOptions } from '../directory/redis/redis-connection.ts';
import { UserNames } from '../identity/user-names.ts';
import { EmbeddedJournal } from './embedded-journal.ts';
import type { JournalAppender, JournalStore, Retention } from './journal-store.ts';

/** Where the journal is, and how long entries are kept. */
export type JournalOptions = (
  | { readonly kind: 'embedded'; readonly path: string }
  | ({
      readonly kind: 'redis';
      /** File of the index that a control process keeps (journal-index.ts); absent = queries read the streams. */
      readonly index?: string;
    } & RedisStoreOptions)
) & {
  readonly retention: Retention;
  /** Groups of domains (user-names.ts). */
  readonly domains?: readonly (readonly string[])[];
};

/** Longest wait for another process that writes the file. */
const BUSY_MS = 2_000;
/** SQLite's name of a database without a file. */
const IN_MEMORY = ':memory:';

/** Opens the journal for queries and for the audit; whether it can be reached shows at its first use. */
export async function openJournalStore(options: JournalOptions): Promise<JournalStore> {
  const { retention } = options;
  const names = new UserNames(options.domains ?? []);
  if (options.kind === 'embedded')
    return new EmbeddedJournal(options.path, { retention, names, busyMs: BUSY_MS });
  // Loaded on demand: the Redis client takes longer to load than a short command runs.
  const { RedisJournal } = await import('./redis-journal.ts');
  const journal = new RedisJournal(withBackgroundTimeout(options), retention, names);
  if (options.index === undefined) return journal;
  const { IndexedJournal } = await import('./indexed-journal.ts');
  return new IndexedJournal(journal, options.index, names);
}

/** Opens the journal for a worker, which only appends: nothing that happens to a file stops its requests. */
export async function openJournalAppender(options: JournalOptions): Promise<JournalAppender> {
  if (options.kind === 'redis' || options.path === IN_MEMORY) return openJournalStore(options);
  const { ThreadedJournal } = await import('./threaded-journal.ts');
  const { path, retention } = options;
  return new ThreadedJournal({ path, retention, busyMs: BUSY_MS });
}
