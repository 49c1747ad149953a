// Owns the proof that phones cannot use the journal against the gateway: not to fill memory or disk (CWE-779), not to evict what
// operators did, not to write lines of their own (CWE-117).
import type { Logger } from 'pino';
import { expect, it } from 'vitest';
import { Exchange } from '../../src/gateway/exchange/exchange.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JournalWriter } from '../../src/journal/journal-writer.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { change } from '../journal/entries.ts';
import { allOf } from '../journal/store-contract.ts';

const NO_LOG = { info: () => undefined, warn: () => undefined } as unknown as Logger;

function refused(journal: Journal, user: string, device: string, userAgent = 'Apple'): void {
  const exchange = new Exchange(0);
  exchange.user = user as UserKey;
  exchange.device = device as DeviceKey;
  exchange.userAgent = userAgent;
  exchange.verdict = { action: 'block', reason: 'unknownDevice', rule: 'a rule', validUntil: Infinity };
  journal.refused(exchange, '192.0.2.1');
}

it('a user who invents ids has a bounded number of entries, and the rest is a count', () => {
  const entries: JournalEntry[] = [];
  let now = 0;
  const journal = new Journal(NO_LOG, {
    identities: true,
    sink: { note: (entry) => entries.push(entry) },
    now: () => now,
  });
  for (let index = 0; index < 30_000; index++) refused(journal, 'mallory', `made${index}`);
  now += 5_000;
  journal.sweep();
  expect(entries.length).toBeLessThanOrEqual(10_001);
  expect(entries.at(-1)).toMatchObject({ kind: 'journal_overflow', count: 20_000, user: null });
  journal.close();
});

it('a phone that is refused again and again has one entry an hour, with a count', () => {
  const entries: JournalEntry[] = [];
  let now = 0;
  const journal = new Journal(NO_LOG, {
    identities: false,
    sink: { note: (entry) => entries.push(entry) },
    now: () => now,
  });
  for (let minute = 0; minute < 120; minute++) {
    for (let time = 0; time < 10; time++) refused(journal, 'alice', 'appl1');
    now += 60_000;
    journal.sweep();
  }
  expect(entries.map(({ count, seconds }) => [count, seconds])).toEqual([
    [1, null],
    [599, 3_600],
    [600, 3_600],
  ]);
  journal.close();
});

it('a flood of events evicts nothing that an operator did, and the journal keeps to its size', async () => {
  const retention = {
    journal: { maxAgeMs: 1e14, maxEntries: 1_000 },
    audit: { maxAgeMs: 1e14, maxEntries: 1_000 },
  };
  const store = new EmbeddedJournal(':memory:', { retention, busyMs: 0 });
  await store.appendAudit(change({ by: 'carol' }));
  const writer = new JournalWriter(store, 'gw1', () => undefined);
  const journal = new Journal(NO_LOG, { identities: true, sink: writer });
  for (let index = 0; index < 8_000; index++) refused(journal, `user${index}`, `made${index}`);
  for (let flush = 0; flush < 5; flush++) await writer.flush();
  expect(await allOf(store, 'journal')).toHaveLength(1_000);
  expect(await allOf(store, 'audit')).toEqual([change({ by: 'carol' })]);
  journal.close();
  await writer.close();
  await store.close();
});

it('what a phone calls itself has no line end, no escape sequence and no end of its own in an entry', () => {
  const entries: JournalEntry[] = [];
  const journal = new Journal(NO_LOG, { identities: true, sink: { note: (entry) => entries.push(entry) } });
  refused(
    journal,
    'alice',
    'appl1',
    `x\r\n{"kind":"wipe_acknowledged"}\u001b[2J\u202e${'y'.repeat(100_000)}`,
  );
  const agent = String(entries[0]?.facts?.['user_agent']);
  expect(agent).toMatch(/^x\{"kind":"wipe_acknowledged"\}\[2Jy+$/);
  expect(agent).toHaveLength(256);
  journal.close();
});
