// Owns the promise that one of a thing has the singular, in its noun and in its verb.
import { expect, it } from 'vitest';
import { number } from '../../src/web/texts/format.ts';
import { t } from '../../src/web/texts/texts.ts';

it('a change of the policy counts one device as one', () => {
  const { lastDay, otherwise } = t.policy.impact;
  expect(lastDay(1, '1')).toBe('1 of those that would be refused was in use in the last day.');
  expect(lastDay(2, '2')).toBe('2 of those that would be refused were in use in the last day.');
  expect(otherwise(1, '1')).toBe('1 stays refused, in another way.');
});

it('a shadow counts one decision as one', () => {
  const { counts } = t.policy.shadow;
  expect(counts(1, '1', '3')).toBe('1 of 3 decisions differs on the traffic of this gateway.');
  expect(counts(0, '0', '3')).toBe('0 of 3 decisions differ on the traffic of this gateway.');
});

it('a run that a brake holds counts one removal as one', () => {
  const { counted } = t.feeds.confirmation;
  expect(counted(0, 1, number)).toBe('Write 0 changes and 1 removal');
  expect(counted(1, 1_000, number)).toBe('Write 1 change and 1,000 removals');
});

it('an import counts one change as one', () => {
  expect(t.feeds.import.apply(1, 0, number)).toBe('Import: 1 change, 0 removals');
  expect(t.feeds.import.applyHeld(2, 1, number)).toBe('Import beyond the brake: 2 changes, 1 removal');
});

it('what a worker dropped is counted in the singular too', () => {
  expect(t.system.processes.dropped(1, 1, number)).toBe('1 log line, 1 journal entry');
});
