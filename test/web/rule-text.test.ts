// Owns the promise about the words for what decided.
import { expect, it } from 'vitest';
import { ruleText } from '../../src/web/texts/rule-text.ts';

it('a part of the policy has words', () => {
  expect(ruleText('policy.unknownDevice')).toBe('the policy for unknown devices');
});

it.each(['executives', 'constructor', 'toString', '__proto__'])(
  'a rule that operators named %s keeps its name',
  (name) => {
    expect(ruleText(name)).toBe(name);
  },
);
