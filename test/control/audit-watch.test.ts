// Owns the promise that the control process that leads looks for changes without an entry in the audit, and that others do not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SETTLED_MS } from '../../src/app/audit-completion.ts';
import { decide } from '../../src/app/decide.ts';
import { journalOptions } from '../../src/config/journal-settings.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { AuditWatch } from '../../src/control/audit-watch.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { openJournalStore } from '../../src/journal/open-journal.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { UNAUDITED, decision } from '../support/servers/directory-records.ts';

checkLeaks();

interface Left {
  readonly config: Config;
  readonly store: EmbeddedStore;
}

/** A directory with a decision whose process ended before the entry. */
async function left(): Promise<Left> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-audit-'));
  const path = join(folder, 'directory.db');
  const config = parseConfig('store: { kind: embedded, path: directory.db }\n', join(folder, 'easgate.yaml'));
  const store = new EmbeddedStore(path);
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const origin = { by: 'ada', via: 'cli', at: Date.now() - SETTLED_MS - 1 };
  await decide(store, { device: 'PHONE1' }, decision('block'), origin, UNAUDITED);
  return { config, store };
}

it('the leader writes the entry, and says how many', async () => {
  const { config, store } = await left();
  const completed: number[] = [];
  const watch = new AuditWatch(
    store,
    config,
    () => true,
    (entries) => completed.push(entries),
  );
  watch.start();
  await until(() => completed.length > 0, 'the entry');
  await watch.close();
  expect(completed).toEqual([1]);
  const journal = await openJournalStore(journalOptions(config));
  const { entries } = await journal.query('audit', {}, null, 10);
  await journal.close();
  expect(entries).toMatchObject([{ operation: 'decide', device: 'phone1', by: 'ada', via: 'cli' }]);
});

it('another control process leaves it to the leader', async () => {
  const { config, store } = await left();
  const completed: number[] = [];
  const watch = new AuditWatch(
    store,
    config,
    () => false,
    (entries) => completed.push(entries),
  );
  watch.start();
  await watch.close();
  expect(completed).toEqual([]);
  expect(await store.notes.oldest(10)).toHaveLength(1);
});
