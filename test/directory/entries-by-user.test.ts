// Owns the promises of the cached entries of users: exactly those of changed users are found, after any additions and removals.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AccessEntries } from '../../src/directory/access-entries.ts';
import { CachedAccess } from '../../src/directory/cached-access.ts';
import { EntriesByUser } from '../../src/directory/entries-by-user.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { readAccess } from '../../src/policy/access-facts.ts';

const NAMES = [
  'alice',
  'ALICE@contoso.com',
  'contoso\\alice',
  'bob',
  'straße',
  'strasse@contoso.com',
  'carol',
];
const user = fc.constantFrom(...(NAMES as UserKey[]));
const device = fc.constantFrom(...(['phone1', 'phone2', 'phone3', 'phone4'] as DeviceKey[]));

function entryOf(
  name: UserKey,
  canonical: UserKey,
  key: DeviceKey,
  managed: boolean | null = true,
  seen = false,
): CachedAccess {
  const device = { managed, compliant: true };
  const login = { user: name, device: key, deviceType: null };
  const partnership = seen ? { firstSeen: 1, model: null } : null;
  const records = {
    device,
    partnership,
    deviceDecision: null,
    partnershipDecision: null,
    namesakeDecisions: [],
  };
  return new CachedAccess(readAccess(records, login, 0), { ...login, canonical }, 0);
}

const LOCALS: Readonly<Record<string, string>> = {
  alice: 'alice',
  'ALICE@contoso.com': 'alice',
  'contoso\\alice': 'alice',
  bob: 'bob',
  straße: 'strasse',
  'strasse@contoso.com': 'strasse',
  carol: 'carol',
};

it('finds the entries whose login or user has a changed name, and no others', () => {
  const step = fc.record({ name: user, canonical: user, key: device, removed: fc.option(fc.nat(20)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), user, (steps, changed) => {
      const byUser = new EntriesByUser();
      const kept = new Set<CachedAccess>();
      for (const { name, canonical, key, removed } of steps) {
        const entry = entryOf(name, canonical, key);
        byUser.add(entry);
        kept.add(entry);
        const gone = removed === null ? undefined : [...kept][removed];
        if (gone === undefined) continue;
        byUser.remove(gone);
        // A second removal does nothing.
        byUser.remove(gone);
        kept.delete(gone);
      }
      const local = LOCALS[changed] ?? '';
      const concerned = [...kept].filter(
        (one) => LOCALS[one.user] === local || LOCALS[one.canonical] === local,
      );
      expect(new Set(byUser.find(new Set([local])))).toEqual(new Set(concerned));
      expect(byUser.find(new Set(['dave']))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

it('drops the verdicts of changed users, whatever was replaced, evicted or dropped before', () => {
  const step = fc.record({ name: user, canonical: user, key: device, managed: fc.constantFrom(true, null) });
  const drops = fc.array(device, { maxLength: 2 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), drops, user, (steps, dropped, changed) => {
      const entries = new AccessEntries(3, 2);
      for (const { name, canonical, key, managed } of steps)
        entries.keep(entryOf(name, canonical, key, managed));
      entries.dropDevices(new Set(dropped));
      const before = steps.flatMap(({ name, key }) => entries.find(name, key) ?? []);
      const local = LOCALS[changed] ?? '';
      const users = new Set([local]);
      entries.dropUsers(users);
      const isOf = (one: CachedAccess): boolean =>
        LOCALS[one.user] === local || LOCALS[one.canonical] === local;
      const concerned = before.filter(isOf);
      const devices = new Set(concerned.map((one) => `${one.device} ${one.isUnknown}`));
      for (const one of before)
        expect(entries.find(one.user, one.device)).toBe(
          devices.has(`${one.device} ${one.isUnknown}`) ? undefined : one,
        );
      // Open requests under other names of the same user are found by them.
      expect(users).toEqual(new Set([local, ...concerned.map((one) => LOCALS[one.user])]));
    }),
    { numRuns: 300 },
  );
});

// Anybody can name a device that eight users share, with any number of made-up logins (CWE-770).
it('keeps nothing of users for whom a device has no room', () => {
  const entries = new AccessEntries(3, 2);
  const seen = Array.from({ length: 8 }, (_, index) => `user${index}` as UserKey);
  const key = 'shared' as DeviceKey;
  for (const name of seen) entries.keep(entryOf(name, name, key, true, true));
  for (let index = 0; index < 100; index++) {
    const name = `made-up${index}` as UserKey;
    entries.keep(entryOf(name, name, key));
    const users = new Set<string>([name]);
    entries.dropUsers(users);
    expect(users).toEqual(new Set([name]));
  }
  for (const name of seen) expect(entries.find(name, key)?.user).toBe(name);
});
