// Owns the promises of judging aims by the rounds of a run.
import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../../bench/core/aims.ts';
import type { Aim } from '../../../bench/core/aims.ts';
import type { BenchResult } from '../../../bench/core/report.ts';

const RESULT: BenchResult = {
  scenario: 'hot-path',
  figure: 'cpuMicrosPerRequest',
  at: '2026-01-01T00:00:00.000Z',
  machine: {},
  versions: {},
  rivals: {},
};

function atMostOne(...values: number[]): Aim {
  return { scenario: 'hot-path', text: '', limit: 1, atMost: true, digits: 2, values: () => values };
}

describe('outcomeOf', () => {
  it('judges an aim by the median of rounds that lie close together', () => {
    expect(outcomeOf(atMostOne(0.9, 0.95, 1.2), RESULT)).toMatchObject({ value: 0.95, verdict: 'met' });
    expect(outcomeOf(atMostOne(0.9, 1.1, 1.2), RESULT)).toMatchObject({ value: 1.1, verdict: 'missed' });
  });

  it('does not report an aim as met when its rounds differ more than twofold', () => {
    expect(outcomeOf(atMostOne(0.15, 0.9, 1.7), RESULT)?.verdict).toBe('not measured');
    expect(outcomeOf(atMostOne(-1, 0.9), RESULT)?.verdict).toBe('not measured');
  });

  it('reports an aim that every round misses as missed, however far the rounds lie apart', () => {
    expect(outcomeOf(atMostOne(2, 3, 9), RESULT)?.verdict).toBe('missed');
  });

  it('returns no outcome for an aim that the run did not measure', () => {
    expect(outcomeOf(atMostOne(), RESULT)).toBeNull();
  });
});
