// Owns the promises of values that cached records share: each is kept once, lists cannot be changed, and memory is bounded.
import { expect, it } from 'vitest';
import { SharedValues } from '../../src/directory/shared-values.ts';

it('keeps equal values once; a text is not the list that it spells', () => {
  const shared = new SharedValues();
  const text = shared.ofText('["staff"]');
  const list = shared.ofJson('["staff"]');
  expect(shared.ofText('["staff"]')).toBe(text);
  expect(shared.ofJson('["staff"]')).toBe(list);
  expect(shared.at(text ?? -1)).toBe('["staff"]');
  expect(shared.at(list ?? -1)).toEqual(['staff']);
  expect(Object.isFrozen(shared.at(list ?? -1))).toBe(true);
  expect(shared.at(2)).toBe(undefined);
});

it('takes no more than its bound, so that made-up models take no memory; what it has stays', () => {
  const shared = new SharedValues();
  const first = shared.ofText('iPhone15C2');
  let made = 0;
  while (shared.ofText(`made up ${made}`) !== null) made += 1;
  expect(made).toBeLessThan(10_000);
  expect(shared.ofText('iPhone15C2')).toBe(first);
  const long = new SharedValues();
  for (let index = 0; index < 1_000; index += 1) long.ofText(`${index}`.padEnd(4_000, 'x'));
  expect(long.ofText('one more'.padEnd(4_000))).toBe(null);
  expect(new SharedValues().ofText('x'.repeat(5_000))).toBe(null);
});
