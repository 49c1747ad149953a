// Owns the promises of the hash by which credentials are recognised.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { KeyedHash } from '../../../src/gateway/credentials/keyed-hash.ts';

const credentials = `Basic ${Buffer.from('alice:alice-pw').toString('base64')}`;

it('recognises the same credentials, and no others', () => {
  const hash = new KeyedHash();
  expect(hash.of(credentials)).toBe(hash.of(credentials));
  expect(hash.of(`${credentials}=`)).not.toBe(hash.of(credentials));
  expect(hash.of('')).not.toBe(hash.of(credentials));
});

it('has a key of its own, so that passwords cannot be tried on a hash alone', () => {
  const plain = createHash('sha256').update(credentials).digest('base64');
  const [one, other] = [new KeyedHash().of(credentials), new KeyedHash().of(credentials)];
  expect(one).not.toBe(other);
  expect([one, other]).not.toContain(plain);
});
