// Owns the promise that a list shows the decision that decides, of those on a phone and on its device.
import { expect, it } from 'vitest';
import type { AccessDecision } from '../../src/model/decision.ts';
import { decisive } from '../../src/model/wipe.ts';
import { decision, wipeDecision } from '../support/servers/directory-records.ts';

const NOW = 1_000_000;
const ended = (one: AccessDecision): AccessDecision => ({ ...one, expiresAt: NOW - 1 });
const [allow, block, quarantine] = [decision('allow'), decision('block'), decision('quarantine')];
const wipe = wipeDecision(NOW - 10);

it.each([
  ['a block of the device, over an exception for the user', allow, block, block],
  ['a block of the user, over an exception for the device', block, allow, block],
  ['an exception for the user, over a quarantine of the device', allow, quarantine, allow],
  ['an exception for the user, beside a block of the device that has ended', allow, ended(block), allow],
  [
    'a quarantine of the device, beside an exception for the user that has ended',
    ended(allow),
    quarantine,
    quarantine,
  ],
  ['a wipe of the device, over a block of the user', block, wipe, wipe],
  ['the only one there is, though it has ended', null, ended(block), ended(block)],
  ['none', null, null, null],
])('%s', (_what, partnership, device, shown) => {
  expect(decisive(partnership, device, NOW)).toEqual(shown);
});
