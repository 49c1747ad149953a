// Owns the promises of work in parts: a large policy reaches a worker without stopping its requests.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { workerPolicy } from '../../src/config/served-policy.ts';
import { atOnce, inTurns } from '../../src/worker/in-turns.ts';

const FILE = '/etc/easgate/policy.yaml';
const RULES = 200;
const DOCUMENT = {
  lists: { vips: { file: 'vips.txt' } },
  rules: Array.from({ length: RULES }, (_, index) => ({
    name: `rule ${index}`,
    match: { model: `Phone${index}*`, user: { not: '@vips' } },
    action: 'block',
  })),
};
const TEXTS = { [FILE]: JSON.stringify(DOCUMENT), '/etc/easgate/vips.txt': 'ceo@contoso.com\n' };
const CONFIG = { policy: { file: FILE, releaseRate: 200 } } as never;

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

describe('the policy of a worker', () => {
  it('is compiled in a part for each rule, from what the primary read, and decides by its lists', () => {
    let parts = 0;
    const compiling = workerPolicy(CONFIG, { texts: TEXTS, document: DOCUMENT });
    const counted = function* (): ReturnType<typeof workerPolicy> {
      for (;;) {
        const part = compiling.next();
        if (part.done === true) return part.value;
        parts++;
        yield;
      }
    };
    expect(atOnce(counted()).rules).toHaveLength(RULES);
    expect(parts).toBeGreaterThan(RULES);
  });

  it('is read from the text that an older primary sends alone', () => {
    expect(atOnce(workerPolicy(CONFIG, { texts: TEXTS })).rules).toHaveLength(RULES);
  });

  it('is refused with the place of its problem where a worker of another version does not know it', () => {
    const text = 'rules:\n  - { action: erase }\n';
    const source = { texts: { [FILE]: text }, document: { rules: [{ action: 'erase' }] } };
    expect(() => atOnce(workerPolicy(CONFIG, source))).toThrow(`${FILE}:2:15`);
  });
});
