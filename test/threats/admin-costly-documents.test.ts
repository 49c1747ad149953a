// Threat: a document of a policy that takes a process minutes to check. Whoever may look may send one; the control process leads feeds.
import { expect, it } from 'vitest';
import { loadVersion } from '../../src/config/stored-policy.ts';

const keys = (count: number): string =>
  Array.from({ length: count }, (_, index) => `k${index}: 1`).join('\n');

/** Milliseconds of the fastest of three. */
function cost(document: string): number {
  const times = Array.from({ length: 3 }, () => {
    const begun = performance.now();
    loadVersion({ document, lists: {} });
    return performance.now() - begun;
  });
  return Math.min(...times);
}

it('a document of ten times as many unknown fields costs not much more than ten times as much', () => {
  cost(keys(100));
  expect(cost(keys(20_000)) / cost(keys(2_000))).toBeLessThan(30);
}, 120_000);

it('of very many problems the first ones are shown, and how many there are', () => {
  const { policy, problems } = loadVersion({ document: keys(1_000), lists: {} });
  expect(policy).toBeNull();
  expect(problems).toHaveLength(201);
  expect(problems.map(({ message }) => message)).toContain('800 further problems are not shown');
});

it.each(['a: 1\nb: 2\na: 3\n', '{ a: 1, "a": 2 }', 'rules:\n  - { name: x, name: y }\n'])(
  'a key that stands twice is an error: %j',
  (document) => {
    const { policy, problems } = loadVersion({ document, lists: {} });
    expect(policy).toBeNull();
    expect(problems).toMatchObject([
      { message: 'Map keys must be unique', place: { line: expect.any(Number) as number } },
    ]);
  },
);
