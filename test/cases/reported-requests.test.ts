// Owns the promise about requests of real clients, as people reported them: each is answered as its file says.
import { describe, expect, it } from 'vitest';
import { clientCases, runCase } from '../support/checks/case-runner.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { KINDS } from './variants.ts';

checkLeaks();

const cases = clientCases();

describe('a reported request', () => {
  it.each(cases)('is answered as it must be: $file', async ({ clientCase }) => {
    await runCase(clientCase);
  });

  it('names its source and the expected result', () => {
    expect(cases.length).toBeGreaterThan(20);
    for (const { clientCase } of cases) {
      expect(clientCase.source).not.toBe('');
      expect(Object.keys(clientCase.expect)).not.toEqual([]);
    }
  });
});

describe.each(KINDS)('a variation: $title', ({ cases: variants }) => {
  it.each(variants)('$name', (variant) => runCase(variant));
});
