// Owns the promises of following the journal.
import { describe, expect, it, onTestFinished } from 'vitest';
import { followEntries } from '../../src/app/journal.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import type { JournalFilter } from '../../src/journal/journal-store.ts';
import { KEEP_ALL, event } from '../journal/entries.ts';
import { until } from '../support/checks/until.ts';

function setUp(filter: JournalFilter = {}) {
  const store = new EmbeddedJournal(':memory:', { retention: KEEP_ALL, busyMs: 1_000 });
  const stop = new AbortController();
  const seen: number[] = [];
  const troubles: (string | null)[] = [];
  const follow = (async () => {
    const options = {
      names: NO_GROUPS,
      signal: stop.signal,
      onTrouble: (error: Error | null) => troubles.push(error?.message ?? null),
    };
    for await (const { entry } of followEntries(store, 'journal', filter, options)) seen.push(entry.at);
  })();
  onTestFinished(async () => {
    stop.abort();
    await follow;
    await store.close();
  });
  return { store, seen, troubles, stop, follow };
}

describe('following the journal', () => {
  it('gives what is written from now on, in its order, and nothing of before', async () => {
    const before = new EmbeddedJournal(':memory:', { retention: KEEP_ALL, busyMs: 1_000 });
    await before.close();
    const { store, seen } = setUp({ users: ['alice' as UserKey] });
    await store.append([event({ at: 1 }), event({ at: 2, user: 'bob' }), event({ at: 3, user: 'x\\alice' })]);
    await until(() => seen.length === 2, 'the entries');
    await store.append(Array.from({ length: 2_000 }, (_, index) => event({ at: 10 + index })));
    await until(() => seen.length === 2_002, 'the other entries');
    expect(seen).toEqual([1, 3, ...Array.from({ length: 2_000 }, (_, index) => 10 + index)]);
  });

  it('goes on after the journal was away, and says both once', async () => {
    const { store, seen, troubles } = setUp();
    const read = store.read.bind(store);
    let isAway = true;
    store.read = (...given) => (isAway ? Promise.reject(new Error('away')) : read(...given));
    await until(() => troubles.length === 1, 'the trouble');
    await store.append([event({ at: 7 })]);
    isAway = false;
    await until(() => seen.length === 1, 'the entry');
    expect([seen, troubles]).toEqual([[7], ['away', null]]);
  });

  it('ends at the signal', async () => {
    const { stop, follow } = setUp();
    stop.abort();
    await follow;
  });
});
