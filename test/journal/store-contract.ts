// Owns what every store of the journal promises; run on each of them.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type {
  JournalFilter,
  JournalStore,
  QueryPage,
  Retention,
  StreamEntries,
  StreamName,
} from '../../src/journal/journal-store.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { KEEP_ALL, change, event } from './entries.ts';

export interface JournalFixture {
  /** Opens a handle on one and the same journal. `wall`: the clock for ages. */
  open(retention?: Retention, wall?: () => number): JournalStore;
  /** Empties the journal. */
  reset(): Promise<void>;
  /** Writes a text as an entry of a stream, as another version would. */
  writeText(stream: StreamName, text: string): Promise<void>;
  /** Whether entries are ordered by their time; else in the order in which they were written. */
  readonly byTime: boolean;
  /** How many entries beyond the bound may stay. */
  readonly slack: number;
}

/** All entries of a query, page by page. */
export async function allOf<S extends StreamName>(
  store: JournalStore,
  stream: S,
  filter: JournalFilter = {},
  limit = 100,
): Promise<StreamEntries[S][]> {
  const found: StreamEntries[S][] = [];
  let cursor: string | null = null;
  do {
    const page: QueryPage<StreamEntries[S]> = await store.query(stream, filter, cursor, limit);
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    found.push(...page.entries);
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

const times = (entries: readonly { readonly at: number }[]): number[] => entries.map(({ at }) => at);

export function journalContract(fixture: JournalFixture): void {
  let store: JournalStore;
  beforeEach(async () => {
    await fixture.reset();
    store = fixture.open();
  });
  afterEach(() => store.close());

  describe('the streams', () => {
    it('what was appended is found again, whole, the newest first', async () => {
      const first = event({
        facts: { client: '192.0.2.1', recorded: true, devices: 3 },
        seconds: 60,
        count: 7,
      });
      await store.append([first, event({ at: 2_000 })]);
      expect(await allOf(store, 'journal')).toEqual([event({ at: 2_000 }), first]);
      await store.appendAudit(change({ before: { action: 'allow', expiresAt: null }, comment: 'lost' }));
      expect(await allOf(store, 'audit')).toEqual([
        change({ before: { action: 'allow', expiresAt: null }, comment: 'lost' }),
      ]);
    });

    it('nothing was appended: queries and reads are empty', async () => {
      expect(await store.query('journal', {}, null, 10)).toEqual({ entries: [], next: null, unreadable: 0 });
      expect(await store.read('audit', null, 10)).toEqual({ entries: [], end: null });
      expect(await store.end('journal')).toBe(null);
    });

    it('another handle reads on behind what it read, without a gap and without anything twice', async () => {
      const other = fixture.open();
      await store.append([event({ at: 1 }), event({ at: 2 }), event({ at: 3 })]);
      const first = await other.read('journal', null, 2);
      expect(times(first.entries.map(({ entry }) => entry))).toEqual([1, 2]);
      const second = await other.read('journal', first.end, 2);
      expect(times(second.entries.map(({ entry }) => entry))).toEqual([3]);
      expect(second.end).toBe(await other.end('journal'));
      expect(await other.read('journal', second.end, 2)).toEqual({ entries: [], end: second.end });
      await store.append([event({ at: 4 })]);
      const third = await other.read('journal', second.end, 2);
      expect(times(third.entries.map(({ entry }) => entry))).toEqual([4]);
      await other.close();
    });

    it('an entry of another version that is not understood is left out and counted', async () => {
      await store.append([event({ at: 1 })]);
      await fixture.writeText('journal', '[2,"of_a_later_version"]');
      await fixture.writeText('journal', 'no JSON');
      await store.append([event({ at: 4 })]);
      const page = await store.query('journal', {}, null, 10);
      expect([times(page.entries), page.unreadable, page.next]).toEqual([[4, 1], 2, null]);
      const { entries, end } = await store.read('journal', null, 10);
      expect(times(entries.map(({ entry }) => entry))).toEqual([1, 4]);
      expect(end).toBe(await store.end('journal'));
    });

    it('a cursor of something else begins with the newest entry', async () => {
      await store.append([event({ at: 1 })]);
      for (const cursor of ['', 'x', '1', "'; DROP TABLE journal; --", '99999999999999999999999-1-1'])
        expect(times((await store.query('journal', {}, cursor, 10)).entries)).toEqual([1]);
    });
  });

  describe('a query', () => {
    it('by device, kind, reason and time finds those alone', async () => {
      await store.append([
        event({ at: 1_000, device: 'appl1', kind: 'device_refused', reason: 'notCompliant' }),
        event({ at: 2_000, device: 'appl2', kind: 'device_refused', reason: 'unknownDevice' }),
        event({ at: 3_000, device: 'appl1', kind: 'wipe_told', reason: 'wipeRequested' }),
        event({ at: 4_000, device: null, user: null, kind: 'outage', reason: null }),
      ]);
      const found = async (filter: JournalFilter): Promise<number[]> =>
        times(await allOf(store, 'journal', filter));
      expect(await found({ device: 'appl1' as DeviceKey })).toEqual([3_000, 1_000]);
      expect(await found({ kinds: ['outage', 'wipe_told'] })).toEqual([4_000, 3_000]);
      expect(await found({ reasons: ['unknownDevice', 'notCompliant'] })).toEqual([2_000, 1_000]);
      expect(await found({ since: 2_000, until: 3_000 })).toEqual([3_000, 2_000]);
      expect(await found({ device: 'appl1' as DeviceKey, kinds: ['wipe_told'], since: 1 })).toEqual([3_000]);
      expect(await found({ kinds: ['wipe_told'], reasons: ['notCompliant'] })).toEqual([]);
    });

    it('by user finds every name that may be this user, and no other', async () => {
      await store.append([
        event({ at: 1, user: 'alice@example.com' }),
        event({ at: 2, user: 'contoso\\alice' }),
        event({ at: 3, user: 'bob' }),
        event({ at: 4, user: 'àlice' }),
        event({ at: 5, user: 'alice@elsewhere.test' }),
      ]);
      const found = async (...users: string[]): Promise<number[]> =>
        times(await allOf(store, 'journal', { users: users as UserKey[] }));
      expect(await found('alice@example.com')).toEqual([4, 2, 1]);
      expect(await found('alice', 'bob')).toEqual([5, 4, 3, 2, 1]);
      expect(await found('carol')).toEqual([]);
    });

    it('of the audit finds by operation and by who did it', async () => {
      await store.appendAudit(change({ at: 1, by: 'Admin' }));
      await store.appendAudit(change({ at: 2, by: 'helpdesk', operation: 'clear' }));
      expect(times(await allOf(store, 'audit', { by: 'admin' }))).toEqual([1]);
      expect(times(await allOf(store, 'audit', { kinds: ['clear'] }))).toEqual([2]);
      expect(times(await allOf(store, 'audit', { device: 'appl1' as DeviceKey }))).toEqual([2, 1]);
    });

    it('gives the same entries in pages of any size as at once, whatever is asked for', async () => {
      const one = fc.record({
        at: fc.integer({ min: 0, max: 50 }),
        device: fc.constantFrom('appl1', 'appl2', null),
        user: fc.constantFrom('alice', 'bob', 'contoso\\alice', null),
        kind: fc.constantFrom('device_refused', 'wipe_told', 'outage'),
        reason: fc.constantFrom('notCompliant', 'unknownDevice', null),
      });
      const filter = fc.record(
        {
          device: fc.constantFrom('appl1' as DeviceKey, 'appl2' as DeviceKey),
          users: fc.subarray(['alice' as UserKey, 'bob' as UserKey], { minLength: 1 }),
          kinds: fc.subarray(['device_refused', 'wipe_told'], { minLength: 1 }),
          reasons: fc.subarray(['notCompliant', 'unknownDevice'], { minLength: 1 }),
          since: fc.integer({ min: 0, max: 50 }),
          until: fc.integer({ min: 0, max: 50 }),
        },
        { requiredKeys: [] },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(one, { maxLength: 40 }),
          filter,
          fc.integer({ min: 1, max: 7 }),
          async (parts, wanted, limit) => {
            await fixture.reset();
            const entries = parts.map((part, index) =>
              event({ ...(part as Partial<JournalEntry>), count: index + 1 }),
            );
            if (entries.length > 0) await store.append(entries);
            const isWanted = (entry: JournalEntry): boolean =>
              (wanted.device === undefined || entry.device === wanted.device) &&
              (wanted.users === undefined ||
                wanted.users.some((user) => entry.user === user || entry.user === `contoso\\${user}`)) &&
              (wanted.kinds === undefined || wanted.kinds.includes(entry.kind)) &&
              (wanted.reasons === undefined || wanted.reasons.includes(entry.reason ?? '')) &&
              entry.at >= (wanted.since ?? 0) &&
              entry.at <= (wanted.until ?? Infinity);
            const expected = entries.filter(isWanted).toReversed();
            if (fixture.byTime) expected.sort((a, b) => b.at - a.at);
            expect(await allOf(store, 'journal', wanted, limit)).toEqual(expected);
          },
        ),
        { numRuns: 40 },
      );
    });
  });

  describe('retention', () => {
    it('keeps the newest entries, about as many as configured, and lets the others go as new ones come', async () => {
      const few = fixture.open({ ...KEEP_ALL, journal: { maxAgeMs: 1e14, maxEntries: 1_000 } });
      for (let batch = 0; batch < 20; batch++)
        await few.append(Array.from({ length: 100 }, (_, index) => event({ at: batch * 100 + index })));
      const kept = times(await allOf(few, 'journal'));
      expect(kept[0]).toBe(1_999);
      expect(kept.length).toBeGreaterThanOrEqual(1_000);
      expect(kept.length).toBeLessThanOrEqual(1_000 + fixture.slack);
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 1_999 - index));
      await few.close();
    });

    it('a flood of events evicts nothing from the audit', async () => {
      const few = fixture.open({ ...KEEP_ALL, journal: { maxAgeMs: 1e14, maxEntries: 1_000 } });
      await few.appendAudit(change());
      for (let batch = 0; batch < 30; batch++)
        await few.append(Array.from({ length: 100 }, () => event({ at: 5_000 })));
      expect(await allOf(few, 'audit')).toEqual([change()]);
      await few.close();
    });
  });

  describe('texts of phones', () => {
    it('control characters do not reach the journal, and no text is longer than it may be', async () => {
      const hostile = `\u001b[2J\u202e${'x'.repeat(100_000)}\n`;
      await store.append([
        event({ rule: hostile, facts: { user_agent: hostile, [hostile]: 'a', n: 1 }, gateway: hostile }),
      ]);
      const [found] = await allOf(store, 'journal');
      const text = JSON.stringify(found);
      expect(text.length).toBeLessThan(2_000);
      expect(text).not.toMatch(/\\u001b|\u202e|\\n/);
    });

    it('a user cannot fill the journal with facts', async () => {
      const facts = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, index]));
      await store.append([event({ facts })]);
      const [found] = await allOf(store, 'journal');
      expect(Object.keys(found?.facts ?? {})).toHaveLength(16);
    });

    it('a long state in the audit is cut, and says so', async () => {
      await store.appendAudit(change({ after: { text: 'é'.repeat(100_000) } }));
      const [found] = await allOf(store, 'audit');
      expect(Object.keys(found?.after as object)).toEqual(['cut']);
      expect(JSON.stringify(found).length).toBeLessThan(20_000);
    });

    it('half a character, or a quote, is stored as text like any other', async () => {
      const odd = ["'; DROP TABLE journal; --", 'x\ud800', '"', '% _', '=1+1'];
      await store.append(odd.map((user, index) => event({ user, at: index })));
      const found = await allOf(store, 'journal');
      expect(found.map(({ user }) => user)).toEqual(['=1+1', '% _', '"', 'x', odd[0]]);
    });
  });
}
