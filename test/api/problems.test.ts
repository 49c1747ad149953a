// Owns the promise that a directory in Redis that refuses or does not answer is reported by the admin API as one that is away, and not as a defect.
import { expect, it } from 'vitest';
import { problemOf } from '../../src/api/problems.ts';

it.each([
  [Object.assign(new Error('LOADING 10.0.0.9'), { name: 'ReplyError' }), 'EASGATE_STORE_REFUSED'],
  [new Error('Command timed out'), 'EASGATE_REDIS'],
  [new Error('Connection is closed.'), 'EASGATE_REDIS'],
])('%s: 503 with its code, without its text', (error, code) => {
  const { status, code: found, detail } = problemOf(error, 'r1');
  expect([status, found]).toEqual([503, code]);
  expect(detail).not.toContain(error.message);
});

it('an error that nobody foresaw stays a defect', () => {
  expect(problemOf(new Error('x'), 'r1')).toMatchObject({ status: 500, code: 'EASGATE_API_FAILED' });
});
