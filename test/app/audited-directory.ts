// Owns a directory in memory with its audit and the completion of it, for tests: the clock stands still between two looks.
import { beforeEach, onTestFinished, vi } from 'vitest';
import { AuditCompletion, SETTLED_MS } from '../../src/app/audit-completion.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { AuditLog } from '../../src/journal/audit-log.ts';
import type { AuditSink } from '../../src/journal/audit-log.ts';
import type { JournalFilter, JournalStore } from '../../src/journal/journal-store.ts';
import { LazyJournal } from '../../src/journal/lazy-journal.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import type { AuditEntry } from '../../src/model/journal.ts';
import { decision } from '../support/servers/directory-records.ts';

/** So much later a change is settled. */
export const LATER = SETTLED_MS + 1;
export const block = { ...decision('block'), reason: 'stolen' };
export const by = (at: number): { by: string; via: string; at: number } => ({ by: 'ada', via: 'cli', at });

export interface AuditedDirectory {
  readonly store: EmbeddedStore;
  readonly journal: JournalStore;
  readonly audit: AuditSink;
  /** Looks at that time: how many entries were written, and the message of the first failure. */
  readonly look: (now: number, isOver?: () => boolean) => Promise<readonly [number, string | null]>;
  /** Likewise, where nothing fails. */
  readonly complete: (now: number) => Promise<number>;
  /** The newest entry first. */
  readonly entries: () => Promise<readonly AuditEntry[]>;
}

/** What is done before each query of the completion; it may reject. */
export type BeforeQuery = (filter: JournalFilter, directory: AuditedDirectory) => Promise<void>;

/** The store knows by its clock how old a note is: it is the clock of each look. */
export function stopClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    return () => vi.useRealTimers();
  });
}

export async function openAudited(
  beforeQuery: BeforeQuery = () => Promise.resolve(),
  maxAgeMs = 1e12,
): Promise<AuditedDirectory> {
  const store = new EmbeddedStore(':memory:');
  const retention = { maxAgeMs: 1e12, maxEntries: 1e6 };
  const journal = await openJournalStore({
    kind: 'embedded',
    path: ':memory:',
    retention: { journal: retention, audit: retention },
  });
  onTestFinished(async () => {
    await store.close();
    await journal.close();
  });
  const audit = new AuditLog(new LazyJournal(async () => journal), (error) => {
    throw error;
  });
  const query: JournalStore['query'] = async (stream, filter, cursor, limit) => {
    await beforeQuery(filter, directory);
    return journal.query(stream, filter, cursor, limit);
  };
  const watched: JournalStore = {
    append: (entries) => journal.append(entries),
    appendAudit: (entry) => journal.appendAudit(entry),
    end: (stream) => journal.end(stream),
    read: (stream, after, limit) => journal.read(stream, after, limit),
    query,
    close: () => journal.close(),
  };
  const completion = new AuditCompletion(store, watched, maxAgeMs);
  const look: AuditedDirectory['look'] = async (now, isOver = () => false) => {
    vi.setSystemTime(now);
    const { entries, failure } = await completion.complete(now, isOver);
    return [entries, failure?.message ?? null];
  };
  const directory: AuditedDirectory = {
    store,
    journal,
    audit,
    look,
    complete: async (now) => {
      const [written, failure] = await look(now);
      if (failure !== null) throw new Error(failure);
      return written;
    },
    entries: async () => (await journal.query('audit', {}, null, 100)).entries,
  };
  return directory;
}
