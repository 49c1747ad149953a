// Owns the promises of the overview's numbers: those before stand in for a count that takes long.
import { expect, it } from 'vitest';
import { TileCounter } from '../../src/api/overview/tile-counter.ts';
import type { TilesNow } from '../../src/api/overview/tiles.ts';
import { ApiError } from '../../src/api/problems.ts';
import { ProgramError } from '../../src/errors/program-errors.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MINUTE_MS = 60_000;

function tilesWith(allowed: number): TilesNow {
  return {
    counts: { allowed, quarantined: 0, blocked: 0, unknown: 0, wiping: 0, exceptions: 0 },
    devices: allowed,
    unknown: { allowed: 0, quarantined: 0, blocked: 0 },
    refused: [],
  };
}

/** A counter whose next count is what `answer` says. */
function openCounter(answer: () => Promise<TilesNow>): { readonly tiles: () => Promise<TilesNow | null> } {
  let clock = 0;
  const counter = new TileCounter(answer, () => (clock += MINUTE_MS), 1);
  return { tiles: () => counter.tiles(0) };
}

it('shows the numbers before while they are counted anew, and then the new ones', async () => {
  const slow = Promise.withResolvers<TilesNow>();
  const answers = [Promise.resolve(tilesWith(1)), slow.promise, Promise.resolve(tilesWith(3))];
  const { tiles } = openCounter(() => answers.shift() ?? Promise.reject(new Error('asked again')));
  expect(await tiles()).toEqual(tilesWith(1));
  expect(await tiles()).toEqual(tilesWith(1));
  slow.resolve(tilesWith(2));
  expect(await tiles()).toEqual(tilesWith(2));
});

it('shows the numbers before where too much is asked for', async () => {
  const answers = [
    async () => tilesWith(1),
    () => Promise.reject(new ApiError('EASGATE_API_LISTS_BUSY', 'wait')),
  ];
  const { tiles } = openCounter(() => answers.shift()?.() ?? Promise.reject(new Error('asked again')));
  expect(await tiles()).toEqual(tilesWith(1));
  expect(await tiles()).toEqual(tilesWith(1));
});

it('shows none where the lists are not there, after any number', async () => {
  const answers = [
    async () => tilesWith(1),
    () => Promise.reject(new ProgramError('EASGATE_NO_READ_MODEL', 'built')),
  ];
  const { tiles } = openCounter(() => answers.shift()?.() ?? Promise.reject(new Error('asked again')));
  expect(await tiles()).toEqual(tilesWith(1));
  expect(await tiles()).toBeNull();
});
