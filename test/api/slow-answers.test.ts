// Owns the promise that numbers which take long to count are counted rarely.
import { expect, it } from 'vitest';
import { SlowAnswers } from '../../src/api/slow-answers.ts';

it('counts again after twenty times what it took, and each question for itself', () => {
  let now = 0;
  let counted = 0;
  const answers = new SlowAnswers<number>(() => now);
  const count = (): number => {
    now += 1_000;
    return ++counted;
  };
  expect(answers.answer('a', count)).toBe(1);
  now += 19_000;
  expect(answers.answer('a', count)).toBe(1);
  expect(answers.answer('b', count)).toBe(2);
  now += 1_000;
  expect(answers.answer('a', count)).toBe(3);
});

it('counts cheap numbers again after two seconds', () => {
  let now = 0;
  const answers = new SlowAnswers<number>(() => now);
  expect(answers.answer('a', () => 1)).toBe(1);
  now += 1_999;
  expect(answers.answer('a', () => 2)).toBe(1);
  now += 1;
  expect(answers.answer('a', () => 2)).toBe(2);
});
