// Owns the promise that Redis loses nothing that was noticed about partnerships, where some of them cannot be written.
import { expect, it } from 'vitest';
import { RedisKeys, deviceField } from '../../src/directory/redis/redis-keys.ts';
import { SeenWriter } from '../../src/directory/redis/seen-writes.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { partnershipText } from '../../src/model/partnership.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { alice, phone, seenPartnership } from '../support/servers/directory-records.ts';

checkLeaks();

// The next attempt finds the partnerships known that were written.
it('says what it noticed about partnerships that it wrote, though the devices of their users are not written', async () => {
  const bob = 'bob' as UserKey;
  const known = [deviceField.partnership(bob), partnershipText(seenPartnership(bob, phone, 10))];
  const noticed: string[] = [];
  const recorded = new SeenWriter(new RedisKeys('t:'), NO_GROUPS).record(
    {
      read: async (wanted) =>
        wanted.map(({ key, fields }) => ({
          end: '0-0',
          values: fields?.map(() => null) ?? (key.includes(':d:') ? known : []),
        })),
      commit: async (_changes, log) => (log === 'd' ? [] : Promise.reject(new Error('Redis is away'))),
    },
    null,
    [seenPartnership(alice, phone, 20)],
    ({ kind, user }) => noticed.push(`${kind} ${user}`),
  );
  await expect(recorded).rejects.toThrow('Redis is away');
  expect(noticed).toEqual(['device_shared alice']);
});
