// Owns the promises of the sum of the shadow counts of several workers.
import { expect, it } from 'vitest';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { shadowSum } from '../../src/model/shadow.ts';
import type { ShadowDifference } from '../../src/model/shadow.ts';

const different = (
  device: string,
  at: number,
  reason: ShadowDifference['shadow']['reason'],
): ShadowDifference => ({
  user: 'alice' as UserKey,
  device: device as DeviceKey,
  live: { action: 'allow', reason: 'reportOnly', rule: 'policy.mode' },
  shadow: { action: 'quarantine', reason, rule: 'policy' },
  at,
});

it('a phone that several workers served counts once, with its latest difference, the latest phones come first, and are counted by reason', () => {
  const [first, second] = [
    [different('one', 5, 'osTooOld'), different('two', 1, 'osTooOld')],
    [different('two', 9, 'notCompliant'), different('three', 7, 'osTooOld')],
  ];
  const sum = shadowSum([
    { compared: 10, different: 4, phones: first },
    { compared: 20, different: 2, phones: second },
  ]);
  expect(sum).toMatchObject({ compared: 30, different: 6, phonesDifferent: 3 });
  expect(sum.phones.map(({ device, shadow }) => `${device} ${shadow.reason}`)).toEqual([
    'two notCompliant',
    'three osTooOld',
    'one osTooOld',
  ]);
  const verdicts = { live: { action: 'allow', reason: 'reportOnly' } };
  expect(sum.changes).toEqual([
    { ...verdicts, shadow: { action: 'quarantine', reason: 'osTooOld' }, phones: 2 },
    { ...verdicts, shadow: { action: 'quarantine', reason: 'notCompliant' }, phones: 1 },
  ]);
  expect(shadowSum([{ compared: 1, different: 1, phones: first }], 1)).toMatchObject({
    phonesDifferent: 2,
    phones: [{ device: 'one' }],
  });
});
