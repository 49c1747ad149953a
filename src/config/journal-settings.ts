// Owns the settings that open the journal. It is kept where the directory is.
import { dirname, join } from 'node:path';
import type { JournalOptions } from '../journal/open-journal.ts';
import type { Config } from './schema.ts';
import { storeOptions } from './store-settings.ts';

const DAY_MS = 86_400_000;
/** A directory in memory, as of tests, has its journal there too. */
const IN_MEMORY = ':memory:';

/** The settings of the journal. @throws ConfigError like storeOptions */
export function journalOptions(config: Config): JournalOptions {
  const { maxAgeDays, maxEntries, auditMaxAgeDays, auditMaxEntries } = config.journal;
  const { known: _known, sources: _sources, ...store } = storeOptions(config);
  const retention = {
    journal: { maxAgeMs: maxAgeDays * DAY_MS, maxEntries },
    audit: { maxAgeMs: auditMaxAgeDays * DAY_MS, maxEntries: auditMaxEntries },
  };
  const { domains = [] } = store;
  if (store.kind === 'redis') {
    const { readModel } = config.control;
    const index = readModel === undefined ? undefined : join(dirname(readModel), 'journal-index.db');
    return { ...store, retention, ...(index !== undefined && { index }) };
  }
  const beside = store.path === IN_MEMORY ? IN_MEMORY : join(dirname(store.path), 'journal.db');
  return { kind: store.kind, path: config.journal.path ?? beside, domains, retention };
}
