// Owns the promise that a row says what a decision made of a phone since its last request, and nothing where the last request was answered like that already.
import { expect, it } from 'vitest';
import { notAskedSince } from '../../src/web/parts/not-asked-since.ts';
import type { DecidedRow } from '../../src/web/parts/not-asked-since.ts';

const NOW = Date.parse('2026-12-01T10:00:00Z');
const BEFORE = '2026-12-01T09:00:00Z';
const row: DecidedRow = {
  user: 'alice@contoso.com',
  state: 'allowed',
  reason: 'compliant',
  decision: null,
  decisionExpiresAt: null,
  wipe: null,
  userDecision: null,
  userDecisionExpiresAt: null,
};

it.each<[string, Partial<DecidedRow>, string | null]>([
  ['no decision', {}, null],
  ['a block of an allowed phone', { decision: 'block' }, 'Blocked from now on'],
  ['a block of its user', { userDecision: 'block' }, 'Blocked from now on'],
  [
    'a block of its user, beside an allow of the phone',
    { decision: 'allow', userDecision: 'block' },
    'Blocked from now on',
  ],
  ['a block with which the last request was answered', { state: 'blocked', decision: 'block' }, null],
  ['a block that has ended', { decision: 'block', decisionExpiresAt: BEFORE }, null],
  [
    'an exception for a quarantined phone',
    { state: 'quarantined', decision: 'allow' },
    'Allowed from now on',
  ],
  [
    'an exception that a disabled account outweighs',
    { state: 'blocked', reason: 'userDisabled', decision: 'allow' },
    null,
  ],
  ['a wipe', { decision: 'wipe', wipe: { state: 'pending' } }, 'Wipe ordered, not sent yet'],
  [
    'a wipe with which the last request was answered',
    { state: 'wiping', decision: 'wipe', wipe: { state: 'pending' } },
    null,
  ],
  ['a device that nobody was seen with', { user: null, state: 'unseen', decision: 'block' }, null],
])('%s', (_what, more, text) => {
  const shown = notAskedSince({ ...row, ...more }, NOW);
  expect(shown).toBe(text);
});
