// Threat: a document of a policy that takes a process minutes to check. Whoever may look may send one; the control process leads feeds.
import { expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { loadVersion } from '../../src/config/stored-policy.ts';

const keys = (count: number): string =>
  Array.from({ length: count }, (_, index) => `k${index}: 1`).join('\n');

/** Milliseconds of the fastest of three. */
function cost(work: () => unknown): number {
  const times = Array.from({ length: 3 }, () => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  });
  return Math.min(...times);
}

it('a document of very many unknown fields costs not much more than reading its text', () => {
  const document = keys(5_000);
  const reading = cost(() => parseDocument(document, { uniqueKeys: false }));
  expect(cost(() => loadVersion({ document, lists: {} })) / reading).toBeLessThan(30);
});

it('of very many problems the first ones are shown, and how many there are', () => {
  const { policy, problems } = loadVersion({ document: keys(1_000), lists: {} });
  expect(policy).toBeNull();
  expect(problems).toHaveLength(201);
  expect(problems.map(({ message }) => message)).toContain('800 further problems are not shown');
});

it.each(['[', '{', '- ', '? ', 'a: [', '[b, '])(
  'a text of very many %j is refused before it is parsed',
  (piece) => {
    const { problems } = loadVersion({ document: piece.repeat(10_000), lists: {} });
    expect(problems).toMatchObject([{ severity: 'error', message: 'is nested deeper than 500' }]);
  },
);

it('a text of nothing but errors has an answer of bounded size', () => {
  const { problems } = loadVersion({ document: ': : :\n'.repeat(2_000), lists: {} });
  expect(problems.length).toBeLessThanOrEqual(200);
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
