// Owns the promises of numbers and times as the dashboard shows them.
import { describe, expect, it } from 'vitest';
import { age, length, number, shortNumber, signed, since } from '../../src/web/texts/format.ts';

const NOW = Date.parse('2026-11-26T09:42:00Z');
const ago = (milliseconds: number): string => age(NOW - milliseconds, NOW);

describe('ages', () => {
  it.each([
    [400, 'now'],
    [38_000, '38 s'],
    [119_000, '1 min'],
    [3 * 3_600_000, '3 h'],
    [6 * 86_400_000, '6 d'],
  ])('%i ms are %s', (milliseconds, text) => {
    expect(ago(milliseconds)).toBe(text);
  });

  it('are dates after seven days, with the year of another year', () => {
    expect(ago(8 * 86_400_000)).toBe('18 Nov');
    expect(ago(400 * 86_400_000)).toBe('22 Oct 2025');
  });

  it('are "now" where the clock of the gateway is a little ahead', () => {
    expect(ago(-5_000)).toBe('now');
  });
});

describe('since when something is so', () => {
  it('is the hour of today, and the date of another day', () => {
    const noon = new Date(2026, 10, 26, 12).getTime();
    expect(since(noon - 3_600_000, noon)).toBe('11:00');
    expect(since(noon - 13 * 3_600_000, noon)).toBe('25 Nov');
  });
});

describe('numbers', () => {
  it('have separated thousands, and a short form from one million on', () => {
    expect(number(12_846)).toBe('12,846');
    expect(shortNumber(999_999)).toBe('999,999');
    expect(shortNumber(1_204_000)).toBe('1.20 M');
  });

  it('have a sign where they are changes', () => {
    expect([signed(31), signed(-2), signed(0)]).toEqual(['+31', '−2', '±0']);
  });

  it('have units where they are lengths of time', () => {
    expect([length(1_400), length(59_000), length(12 * 86_400_000)]).toEqual(['1.4 s', '59 s', '12 d']);
  });
});
