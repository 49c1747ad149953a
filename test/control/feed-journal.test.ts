// Owns the promises of the entries of the journal about feeds.
import { expect, it } from 'vitest';
import { noneWritten } from '../../src/app/apply-outcome.ts';
import type { ApplyOutcome } from '../../src/app/apply-outcome.ts';
import { FeedJournal } from '../../src/control/feed-journal.ts';
import { FeedError } from '../../src/feeds/contract.ts';
import type { JournalEntry } from '../../src/model/journal.ts';

const OUTCOME: ApplyOutcome = {
  source: 'mdm',
  dryRun: false,
  read: { device: 2, user: 0, group: 0, decision: 0, refused: 1 },
  devices: { ...noneWritten(), accepted: 2, removed: 1 },
  users: noneWritten(),
  decisions: { applied: 0, listed: 0, removed: 0 },
  joined: 0,
  notJoined: { count: 3, possibleMatches: 1, first: [] },
  refused: { count: 1, first: [] },
  withProblems: { count: 4, first: [] },
  sameDevice: { count: 0, first: [] },
  held: [],
  notRemoved: [],
};

async function entriesOf(work: (journal: FeedJournal) => void): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  const store = {
    append: (some: readonly JournalEntry[]) => {
      entries.push(...some);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  const quiet = (): void => undefined;
  const journal = new FeedJournal(store, { info: quiet, warn: quiet });
  work(journal);
  await journal.close();
  return entries;
}

it('a run has an entry with its counts', async () => {
  expect(await entriesOf((journal) => journal.ran('mdm', OUTCOME, 1_500))).toMatchObject([
    {
      kind: 'feed_run',
      reason: 'applied',
      seconds: 1.5,
      facts: {
        feed: 'mdm',
        devices: 2,
        devicesRemoved: 1,
        users: 0,
        refused: 1,
        withProblems: 4,
        notJoined: 3,
      },
    },
  ]);
});

it('a held run has an entry with the brakes, and without counts of what was written', async () => {
  const held = ['300 of 400 devices would be removed'];
  const [entry] = await entriesOf((journal) => journal.ran('mdm', { ...OUTCOME, held }, 1));
  expect(entry).toMatchObject({ reason: 'held', facts: { feed: 'mdm', held: held[0] } });
  expect(entry?.facts).not.toHaveProperty('devices');
});

it('a run that failed has an entry with the code and the message, bounded', async () => {
  const error = new FeedError(
    'EASGATE_FEED_CREDENTIALS',
    `the account is refused\u001b[31m ${'x'.repeat(5_000)}`,
  );
  const [entry] = await entriesOf((journal) => journal.failed('mdm', error, 1));
  expect(entry).toMatchObject({ reason: 'EASGATE_FEED_CREDENTIALS', facts: { feed: 'mdm' } });
  const message = String(entry?.facts?.['error']);
  expect(message).toContain('the account is refused');
  expect(message.length).toBeLessThan(300);
  expect(message).not.toContain('\u001b');
});

it('a run that failed by a defect, without a code, does not accuse the source', async () => {
  const [entry] = await entriesOf((journal) => journal.failed('mdm', new TypeError('no such property'), 1));
  expect(entry).toMatchObject({ reason: 'EASGATE_FAILED', facts: { error: 'no such property' } });
});

it('deliveries have entries with how many they are, and what they did or why they were refused', async () => {
  const entries = await entriesOf(({ deliveries }) => {
    deliveries.done('mdm', 'applied', { accepted: 2, unchanged: 1, refused: 0, notJoined: 3 });
    deliveries.refused('mdm', 'held', '300 of 400 devices would be removed');
    deliveries.refused('mdm', 'EASGATE_DELIVERY_CREDENTIALS', `the token\u001b[31m ${'x'.repeat(5_000)}`);
  });
  expect(entries).toMatchObject([
    {
      kind: 'feed_run',
      reason: 'applied',
      count: 1,
      facts: { feed: 'mdm', accepted: 2, unchanged: 1, notJoined: 3 },
    },
    { kind: 'feed_run', reason: 'held', facts: { feed: 'mdm', held: '300 of 400 devices would be removed' } },
    { kind: 'feed_run', reason: 'EASGATE_DELIVERY_CREDENTIALS', facts: { feed: 'mdm' } },
  ]);
  expect(String(entries[2]?.facts?.['error']).length).toBeLessThan(300);
});
