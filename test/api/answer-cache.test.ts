// Owns the promise that numbers which take long to count are counted rarely.
import { expect, it } from 'vitest';
import { AnswerCache } from '../../src/api/answer-cache.ts';

it('counts again after twenty times what it took, and each question for itself', async () => {
  let now = 0;
  let counted = 0;
  const answers = new AnswerCache<number>(() => now);
  const count = async (): Promise<number> => {
    now += 1_000;
    return ++counted;
  };
  expect(await answers.answer('a', count)).toBe(1);
  now += 19_000;
  expect(await answers.answer('a', count)).toBe(1);
  expect(await answers.answer('b', count)).toBe(2);
  now += 1_000;
  expect(await answers.answer('a', count)).toBe(3);
});

it('counts cheap numbers again after two seconds', async () => {
  let now = 0;
  const answers = new AnswerCache<number>(() => now);
  expect(await answers.answer('a', async () => 1)).toBe(1);
  now += 1_999;
  expect(await answers.answer('a', async () => 2)).toBe(1);
  now += 1;
  expect(await answers.answer('a', async () => 2)).toBe(2);
});

it('counts once for all who ask meanwhile', async () => {
  let counted = 0;
  const answers = new AnswerCache<number>(() => 0);
  const counting = Promise.withResolvers<number>();
  const count = (): Promise<number> => {
    counted++;
    return counting.promise;
  };
  const both = [answers.answer('a', count), answers.answer('a', count)];
  counting.resolve(7);
  expect(await Promise.all(both)).toEqual([7, 7]);
  expect(counted).toBe(1);
});

it('does not keep a failure', async () => {
  const answers = new AnswerCache<number>(() => 0);
  await expect(answers.answer('a', () => Promise.reject(new Error('no lists')))).rejects.toThrow('no lists');
  expect(await answers.answer('a', async () => 1)).toBe(1);
});

it('answers no number that is older than a minute', async () => {
  let now = 0;
  const answers = new AnswerCache<number>(() => now);
  const slow = async (): Promise<number> => {
    now += 10_000;
    return now;
  };
  expect(await answers.answer('a', slow)).toBe(10_000);
  now += 59_999;
  expect(await answers.answer('a', slow)).toBe(10_000);
  now += 1;
  expect(await answers.answer('a', slow)).toBe(80_000);
});
