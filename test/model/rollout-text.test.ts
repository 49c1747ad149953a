// Owns the promises of the texts about a roll-out.
import { describe, expect, it } from 'vitest';
import { extentText, rolloutWarnings } from '../../src/model/rollout-text.ts';

const DAY_MS = 86_400_000;

describe('whom a version is rolled out to', () => {
  it.each([
    [['Pilot'], 0, 'group Pilot'],
    [['Pilot', 'Board'], 0, 'group Pilot and group Board'],
    [['Pilot', 'Board'], 10, 'group Pilot, group Board and 10 % of all users'],
    [[], 10, '10 % of all users'],
  ])('%j and %i percent are in words', (groups, share, text) => {
    expect(extentText({ groups, share })).toBe(text);
  });
});

describe('a roll-out', () => {
  it('is warned of after 30 days, with its age', () => {
    const rollout = { version: 5, groups: ['Pilot'], share: 0, since: 0, changedAt: 0, by: 'carol' };
    expect(rolloutWarnings(rollout, 30 * DAY_MS - 1)).toEqual([]);
    expect(rolloutWarnings(rollout, 30 * DAY_MS)).toEqual([expect.stringContaining('for 30 days') as string]);
  });
});
