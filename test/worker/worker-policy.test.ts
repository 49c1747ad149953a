// Owns the promises about the policy of a configuration in a worker: a large one is compiled in parts, without stopping requests.
import { describe, expect, it } from 'vitest';
import { workerPolicy } from '../../src/config/served-policy.ts';
import { atOnce } from '../../src/in-turns.ts';

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
