// Owns the promises about which of several records of one device counts.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PrevailingRecords } from '../../src/app/prevailing-records.ts';
import { isoTime } from '../../src/feeds/times.ts';
import { deviceLine } from '../feeds/lines.ts';

const NOW = Date.parse('2024-11-20T06:00:00Z');
const DAY = 86_400_000;

/** The days ago of the record that counts, of records with these check-ins; null = none. */
function counting(days: readonly (number | null)[]): number | null {
  const records = new PrevailingRecords(NOW);
  const kept: (number | null)[] = [];
  for (const [at, ago] of days.entries()) {
    const lastCheckIn = ago === null ? null : isoTime(NOW - ago * DAY);
    const standing = records.take(deviceLine('PHONE0', { line: at + 1, lastCheckIn }), 'phone0', kept.length);
    if (standing?.isOutdated !== true) kept.push(ago);
  }
  const counted = kept.filter((_, place) => records.counts(records.numberOf('phone0'), place));
  expect(counted).toHaveLength(1);
  return counted[0] ?? null;
}

it('is the one with the newest check-in, in any order', () => {
  const checkIns = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 12 });
  const given = fc.tuple(checkIns, fc.integer({ min: 0, max: 3 })).chain(([days, without]) =>
    fc.shuffledSubarray([...days, ...Array.from({ length: without }, () => null)], {
      minLength: days.length + without,
    }),
  );
  fc.assert(
    fc.property(given, (days) => {
      expect(counting(days)).toBe(Math.min(...days.filter((ago) => ago !== null)));
    }),
  );
});

it('is not one with a check-in in the future in place of one of now that refuses', () => {
  const records = new PrevailingRecords(NOW);
  const bad = deviceLine('PHONE0', { compliant: false, lastCheckIn: isoTime(NOW) });
  const good = deviceLine('PHONE0', { lastCheckIn: isoTime(NOW + 400 * DAY) });
  expect(records.take(bad, 'phone0', 0)).toBeNull();
  expect(records.take(good, 'phone0', 1)).toMatchObject({ isOutdated: true });
});

it('is found among very many devices', () => {
  const records = new PrevailingRecords(NOW);
  for (let at = 0; at < 5_000; at++)
    records.take(deviceLine('PHONE0', { line: at, lastCheckIn: isoTime(NOW - DAY) }), `phone${at}`, at);
  const older = deviceLine('PHONE0', { lastCheckIn: isoTime(NOW - 2 * DAY) });
  expect(records.take(older, 'phone4321', 5_000)?.note).toContain('on line 4321 with a check-in');
  expect([records.has('phone4999'), records.has('phone5000')]).toEqual([true, false]);
});
