// Owns the promise of work in parts: other work has its turn.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTurns } from '../src/in-turns.ts';

describe('work in parts', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('gives other work its turn when parts have taken long enough, and not after each', async () => {
    const log: string[] = [];
    const parts = function* (): Generator<undefined, string> {
      for (let part = 0; part < 4; part++) {
        log.push(`part ${part}`);
        vi.advanceTimersByTime(3);
        yield;
      }
      return 'done';
    };
    const other = (): void => {
      log.push('other');
      if (log.length < 7) setImmediate(other);
    };
    setImmediate(other);
    expect(await inTurns(parts())).toBe('done');
    expect(log.slice(0, 6)).toEqual(['part 0', 'part 1', 'other', 'part 2', 'part 3', 'other']);
  });
});
