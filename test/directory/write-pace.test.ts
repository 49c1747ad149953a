// Owns the promises of the pace of writes in bulk.
import { expect, it } from 'vitest';
import { RECORDS_PER_SECOND, WritePace } from '../../src/directory/redis/write-pace.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

/** A pace on a clock that only waiting moves. */
function paced(): { readonly pace: WritePace; readonly clock: { now: number } } {
  const clock = { now: 1_000 };
  const pace = new WritePace(
    () => clock.now,
    async (ms) => {
      clock.now += ms;
    },
  );
  return { pace, clock };
}

it('lets no more records through than look-ups bear beside them', async () => {
  const { pace, clock } = paced();
  for (let written = 0; written < RECORDS_PER_SECOND * 2; written += 32) await pace.turn(32);
  expect(clock.now - 1_000).toBeGreaterThan(1_900);
  expect(clock.now - 1_000).toBeLessThan(2_100);
});

it('lets a few records through at once', async () => {
  const { pace, clock } = paced();
  for (let written = 0; written < 320; written += 32) await pace.turn(32);
  expect(clock.now).toBe(1_000);
});

it('has no more to give after a pause', async () => {
  const { pace, clock } = paced();
  await pace.turn(32);
  clock.now += 60_000;
  const begun = clock.now;
  for (let written = 0; written < RECORDS_PER_SECOND; written += 32) await pace.turn(32);
  expect(clock.now - begun).toBeGreaterThan(900);
});
