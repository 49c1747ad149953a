// Owns the promises of the text of a state before or after a change: readable, without unknown values.
import { expect, it } from 'vitest';
import { changeText } from '../../src/web/texts/change-text.ts';

it.each([
  [null, ''],
  [{ live: 2, shadow: null, name: 'As before' }, 'live 2, name As before'],
  [{ action: 'block', expiresAt: null }, 'block'],
  [[{ decision: { action: 'block' } }, { action: 'allow' }], 'block, allow'],
  [
    { read: { device: 322, user: 0 }, devices: { accepted: 322, older: 0 }, users: { accepted: 0 } },
    'read (device 322), devices (accepted 322)',
  ],
  [
    { key: 'x', source: 'y', managed: true, compliant: false, groups: ['a', 'b'] },
    'managed true, compliant false, groups a, b',
  ],
  ['a text', 'a text'],
])('%j', (state, text) => {
  expect(changeText(state)).toBe(text);
});

it('a decision that ends by itself is told with its end', () => {
  const end = new Date(2031, 4, 17, 18, 0);
  const text = changeText([{ decision: { action: 'allow', expiresAt: end.toISOString() } }]);
  expect(text).toMatch(/^allow until 17 May 2031, 18:00$/);
});
