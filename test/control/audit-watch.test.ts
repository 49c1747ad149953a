// Owns the promise that the control process that leads looks for changes without an entry in the audit, and that others do not.
import { mkdirSync, mkdtempSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
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
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - SETTLED_MS - 1 });
  const origin = { by: 'ada', via: 'cli', at: Date.now() };
  await decide(store, { device: 'PHONE1' }, decision('block'), origin, UNAUDITED);
  vi.useRealTimers();
  return { config, store };
}

/** What a watch logs: codes, and how many entries. */
function watchOf({ config, store }: Left, leads: () => boolean = () => true): [AuditWatch, unknown[][]] {
  const logged: unknown[][] = [];
  const watch = new AuditWatch(store, config, leads, ({ code, entries = null }) =>
    logged.push([code, entries]),
  );
  return [watch, logged];
}

it('the leader writes the entry, and says how many', async () => {
  const found = await left();
  const [watch, logged] = watchOf(found);
  watch.start();
  await until(() => logged.length > 0, 'the entry');
  await watch.close();
  expect(logged).toEqual([['EASGATE_AUDIT_COMPLETED', 1]]);
  const journal = await openJournalStore(journalOptions(found.config));
  const { entries } = await journal.query('audit', {}, null, 10);
  await journal.close();
  expect(entries).toMatchObject([{ operation: 'decide', device: 'phone1', by: 'ada', via: 'cli' }]);
});

it('another control process leaves it to the leader', async () => {
  const found = await left();
  const [watch, logged] = watchOf(found, () => false);
  watch.start();
  await watch.close();
  expect(logged).toEqual([]);
  expect(await found.store.notes.oldest(10, null)).toHaveLength(1);
});

it('one that no longer leads ends its look before the next change', async () => {
  const found = await left();
  let asked = 0;
  const [watch, logged] = watchOf(found, () => ++asked === 1);
  watch.start();
  await until(() => asked > 1, 'the look');
  await watch.close();
  expect(logged).toEqual([]);
  expect(await found.store.notes.oldest(10, null)).toHaveLength(1);
});

it('closing waits for no whole look', async () => {
  const found = await left();
  const [watch, logged] = watchOf(found);
  watch.start();
  await watch.close();
  expect(logged).toEqual([]);
  expect(await found.store.notes.oldest(10, null)).toHaveLength(1);
});

it('a failure is logged once, and again after a look that succeeded', async () => {
  const found = await left();
  const options = journalOptions(found.config);
  const path = options.kind === 'embedded' ? options.path : '';
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  let looks = 0;
  const [watch, logged] = watchOf(found, () => {
    looks++;
    return true;
  });
  const nextLook = async (): Promise<void> => {
    await until(() => vi.getTimerCount() === 1, 'the end of a look');
    const before = looks;
    vi.advanceTimersByTime(60_000);
    expect(looks).toBeGreaterThan(before);
    await until(() => vi.getTimerCount() === 1, 'the end of a look');
  };
  mkdirSync(path);
  watch.start();
  await nextLook();
  expect(logged).toEqual([['EASGATE_AUDIT_COMPLETION', null]]);
  rmdirSync(path);
  await nextLook();
  expect(logged.slice(1)).toEqual([['EASGATE_AUDIT_COMPLETED', 1]]);
  await found.store.close();
  await nextLook();
  await nextLook();
  expect(logged.slice(2)).toEqual([['EASGATE_AUDIT_COMPLETION', null]]);
  await watch.close();
});
