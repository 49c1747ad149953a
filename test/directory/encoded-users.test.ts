// Owns the promise that a user is read back from the field of a hash exactly if it is written so.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeName, decodeUser, encodeName, encodeUser } from '../../src/directory/redis/redis-keys.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

/** Names that are made of what has a meaning in them. */
const part = fc.string({
  unit: fc.constantFrom('a', 'b', '.', '~', '@', '\\', '%', ':', ' ', 'é'),
  maxLength: 4,
});

it('each encoded user is the one that is encoded so, or none', () => {
  const encoded = fc.oneof(
    part,
    part.map((rest) => `~${rest}`),
    part.map((rest) => `~@${rest}`),
  );
  fc.assert(
    fc.property(part, encoded, (local, text) => {
      const name = decodeName(text.replace('~', () => encodeName(local)));
      const isWritten = name !== null && encodeUser(local, name as UserKey) === text;
      expect(decodeUser(local, text)).toBe(isWritten ? name : null);
    }),
    { numRuns: 2_000 },
  );
});

it('users with a domain, without one, and with a NetBIOS domain are read back', () => {
  for (const user of ['info', 'info@example.com', 'east\\info', 'info@a@b', 'ìnfo@example.com'] as UserKey[])
    for (const local of ['info', 'info@a']) expect(decodeUser(local, encodeUser(local, user))).toBe(user);
});
