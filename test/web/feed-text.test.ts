// Owns the promises of the sentence for a feed in the journal: which feed it was, what it changed, or why it changed nothing.
import { expect, it } from 'vitest';
import { feedText } from '../../src/web/texts/feed-text.ts';

const run = (facts: Record<string, unknown>, reason = 'applied', count = 1): string =>
  feedText({ reason, count, facts: { feed: 'mdm', ...facts } });

it('a run of a feed says which feed it was and what it changed', () => {
  expect(run({ devices: 1_204, devicesRemoved: 0, users: 3, refused: 2, notJoined: 5 })).toBe(
    'Feed mdm: devices changed: 1,204, users changed: 3, refused: 2',
  );
  expect(run({ devices: 0, users: 0, refused: 0 })).toBe('Feed mdm: nothing changed');
});

it('a run that wrote nothing says why', () => {
  expect(run({ held: '9 of 9 devices would be removed' }, 'held')).toBe(
    'Feed mdm: held by a brake: 9 of 9 devices would be removed',
  );
  expect(run({ error: 'the folder has no files' }, 'EASGATE_FEED_SOURCE')).toBe(
    'Feed mdm: failed: the folder has no files',
  );
});

it('deliveries are counted, and those without an effect say so', () => {
  expect(run({ accepted: 7 }, 'applied', 3)).toBe('Feed mdm: records changed: 7 (3 deliveries)');
  expect(run({ accepted: 0 }, 'repeated')).toBe('Feed mdm: delivered before, nothing changed');
});
