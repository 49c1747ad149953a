// Owns the promises of the pauses between restarts.
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/supervisor/backoff.ts';

const backoff = (): Backoff => new Backoff({ firstMs: 100, maxMs: 1_000, steadyMs: 10_000 });

describe('the pause before a worker is started again', () => {
  it('doubles with each failure, up to a maximum', () => {
    const pauses = backoff();
    expect([0, 0, 9_999, 0, 0, 0].map((lived) => pauses.next(lived))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    for (let failure = 0; failure < 2_000; failure++) expect(pauses.next(0)).toBe(1_000);
  });

  it('is short again after a worker that ran for a long time', () => {
    const pauses = backoff();
    expect([0, 0, 0, 10_000, 0].map((lived) => pauses.next(lived))).toEqual([100, 200, 400, 100, 200]);
  });
});
