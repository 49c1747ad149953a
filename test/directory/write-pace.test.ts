// Owns the promises of the pace of writes in bulk.
import { expect, it } from 'vitest';
import { RECORDS_PER_SECOND, WritePace } from '../../src/directory/redis/write-pace.ts';
import { ForeignScripts } from '../../src/directory/redis/foreign-scripts.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

/** A pace on a clock that only waiting moves. */
function paced(isQuiet = false): { readonly pace: WritePace; readonly clock: { now: number } } {
  const clock = { now: 1_000 };
  const pace = new WritePace(
    () => isQuiet,
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

it('does not wait where nobody else uses Redis', async () => {
  const { pace, clock } = paced(true);
  for (let written = 0; written < RECORDS_PER_SECOND * 2; written += 32) await pace.turn(32);
  expect(clock.now).toBe(1_000);
});

/** Scripts of others on a clock of its own; asks once every 100 ms for `ms`. */
async function quietAfter(
  ms: number,
  foreignPerSecond: number,
  say: (calls: number) => string,
): Promise<boolean> {
  const clock = { now: 0 };
  let own = 0;
  const scripts = new ForeignScripts(
    async () => say(7_000 + own + Math.round((clock.now * foreignPerSecond) / 1_000)),
    () => own,
    () => clock.now,
  );
  for (; clock.now < ms; clock.now += 100) {
    scripts.isQuiet();
    own += 600;
    await Promise.resolve();
    await Promise.resolve();
  }
  return scripts.isQuiet();
}
const stats = (calls: number): string =>
  `# Commandstats\r\ncmdstat_evalsha:calls=${calls},usec=1\r\ncmdstat_eval:calls=3,usec=1\r\n`;

it('takes Redis for quiet while others run the scripts of beats only', async () => {
  expect(await quietAfter(1_000, 5, stats)).toBe(true);
  expect(await quietAfter(1_000, 500, stats)).toBe(false);
});

it('takes Redis for busy until two counts are known, and where the server does not count', async () => {
  expect(await quietAfter(50, 0, stats)).toBe(false);
  expect(await quietAfter(1_000, 0, () => '# Commandstats\r\n')).toBe(false);
  const refused = (): string => {
    throw new Error('NOPERM');
  };
  expect(await quietAfter(1_000, 0, refused)).toBe(false);
});

it('takes Redis for busy where the server that answers does not count the own scripts', async () => {
  const clock = { now: 0 };
  let calls = 0;
  const scripts = new ForeignScripts(
    async () => stats(calls),
    () => calls,
    () => clock.now,
  );
  // As many of others as of its own: the difference stands still, unless the own ones are not counted.
  let own = 0;
  const uncounted = new ForeignScripts(
    async () => stats(calls),
    () => own,
    () => clock.now,
  );
  for (; clock.now < 1_000; clock.now += 100) {
    scripts.isQuiet();
    expect(uncounted.isQuiet()).toBe(false);
    calls += 20;
    own += 60;
    await Promise.resolve();
    await Promise.resolve();
  }
  expect(scripts.isQuiet()).toBe(true);
});

it('asks seldom where the server refuses to say', async () => {
  const clock = { now: 0 };
  let asked = 0;
  const scripts = new ForeignScripts(
    async () => {
      asked++;
      throw new Error('NOPERM');
    },
    () => 0,
    () => clock.now,
  );
  for (; clock.now < 20_000; clock.now += 100) {
    scripts.isQuiet();
    await Promise.resolve();
    await Promise.resolve();
  }
  expect(asked).toBe(2);
});

it('takes Redis for busy soon after look-ups begin', async () => {
  const clock = { now: 0 };
  let calls = 0;
  const scripts = new ForeignScripts(
    async () => stats(calls),
    () => 0,
    () => clock.now,
  );
  const pass = async (ms: number, perSecond: number): Promise<boolean> => {
    for (const end = clock.now + ms; clock.now < end; clock.now += 100) {
      scripts.isQuiet();
      calls += perSecond / 10;
      await Promise.resolve();
      await Promise.resolve();
    }
    return scripts.isQuiet();
  };
  expect(await pass(500, 0)).toBe(true);
  expect(await pass(300, 3_000)).toBe(false);
  expect(await pass(500, 0)).toBe(true);
});
