// Owns the promise that an account disabled by any source is refused, under whatever name that source reports it. Threat: LDAP reports a user
// `dave`, with the mail address as an alias; Entra disables the account under the address; the phone signs in as `dave` and goes on
// reading mail. Rule: src/directory/joined-names.ts, docs/decisions/0190.
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { UserNames } from '../../src/identity/user-names.ts';
import type { UserObservation } from '../../src/model/user.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { EasClient } from '../support/phones/eas-client.ts';
import { userReport } from '../support/servers/directory-records.ts';
import { STORES, openOffice } from '../support/servers/office.ts';
import type { StoreKind } from '../support/servers/office.ts';
import { startRedis } from '../support/servers/redis.ts';

checkLeaks();

const PHONE = deviceKey('UB1');
const [dave, address, third, eve] = [
  'dave',
  'd.miller@example.com',
  'miller@example.com',
  'eve',
] as UserKey[] as [UserKey, UserKey, UserKey, UserKey];

async function openStore(kind: StoreKind, groups: string[][] = []): Promise<DirectoryStore> {
  const redis = kind === 'redis' ? await startRedis() : null;
  if (redis !== null) onTestFinished(() => redis.kill());
  const names = new UserNames(groups);
  const order = ['ldap', 'entra'];
  const store =
    redis === null
      ? new EmbeddedStore(':memory:', names, UNGUARDED, order)
      : await RedisStore.open(
          { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
          names,
          UNGUARDED,
          order,
        );
  onTestFinished(() => store.close());
  return store;
}

type Said = Partial<UserObservation>;
const ldap = (key: UserKey, more: Said): UserObservation => userReport(key, { source: 'ldap', ...more });
const entra = (key: UserKey, more: Said): UserObservation => userReport(key, { source: 'entra', ...more });

describe.each(STORES)('with the %s store', (kind) => {
  const said = async (store: DirectoryStore, name: UserKey) => {
    const { user, userRecord } = await store.lookup(name, PHONE);
    return { user, enabled: userRecord?.enabled ?? null, groups: userRecord?.groups ?? null };
  };

  it('an account that one source disabled under an alias is disabled under all names, in any order of the sources', async () => {
    for (const isFirst of [true, false]) {
      const store = await openStore(kind);
      const known = ldap(dave, { aliases: [address], enabled: true });
      const disabled = entra(address, { aliases: [third], enabled: false });
      for (const one of isFirst ? [known, disabled] : [disabled, known]) await store.putUsers([one]);
      for (const name of [dave, address, third])
        expect(await said(store, name)).toMatchObject({ user: dave, enabled: false });
    }
  });

  it('an account that its first source disabled is disabled under the name of the second one', async () => {
    const store = await openStore(kind);
    await store.putUsers([entra(address, { enabled: true, groups: ['staff'] })]);
    await store.putUsers([ldap(dave, { aliases: [address], enabled: false })]);
    for (const name of [dave, address])
      expect(await said(store, name)).toEqual({ user: dave, enabled: false, groups: ['staff'] });
  });

  it('two names that two sources call an alias of each other are one user', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(dave, { aliases: [address], groups: ['staff'] })]);
    await store.putUsers([entra(address, { aliases: [dave], enabled: false })]);
    const both = [await said(store, dave), await said(store, address)];
    expect(both).toEqual([both[0], both[0]]);
    expect(both[0]).toMatchObject({ enabled: false, groups: ['staff'] });
  });

  it('names of one group of domains are one user', async () => {
    const store = await openStore(kind, [['example.com', 'CORP']]);
    await store.putUsers([ldap('corp\\d.miller' as UserKey, { groups: ['staff'] })]);
    await store.putUsers([entra(address, { enabled: false })]);
    for (const name of [address, 'corp\\d.miller' as UserKey])
      expect(await said(store, name)).toMatchObject({ enabled: false, groups: ['staff'] });
  });

  it('groups are those of the first source that reports any, under any name of the user', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(dave, { aliases: [address], groups: ['contractors'] })]);
    await store.putUsers([entra(address, { groups: ['board'] })]);
    expect((await said(store, address)).groups).toEqual(['contractors']);
    await store.putUsers([ldap(dave, { observedAt: 2, aliases: [address], groups: null })]);
    expect((await said(store, dave)).groups).toEqual(['board']);
  });

  it('a name that only a phone uses joins no users', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(dave, { enabled: true, groups: ['staff'] })]);
    await store.putUsers([entra(address, { enabled: false, groups: ['board'] })]);
    expect(await said(store, dave)).toEqual({ user: dave, enabled: true, groups: ['staff'] });
    expect(await said(store, address)).toEqual({ user: address, enabled: false, groups: ['board'] });
  });

  it('an alias that somebody else takes over re-enables nobody, and gives its groups to one user only', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(dave, { aliases: [address], enabled: true })]);
    await store.putUsers([entra(address, { enabled: false, groups: ['board'] })]);
    await store.putUsers([ldap(eve, { aliases: [address], enabled: true, groups: ['staff'] })]);
    expect(await said(store, dave)).toEqual({ user: dave, enabled: false, groups: null });
    expect(await said(store, eve)).toEqual({ user: eve, enabled: false, groups: ['staff'] });
  });

  it('an alias that somebody else takes over frees nobody of what is reported behind it', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(dave, { aliases: [address], enabled: true })]);
    await store.putUsers([entra(address, { aliases: [third], enabled: true })]);
    await store.putUsers([userReport(third, { source: 'hr', enabled: false })]);
    for (const taken of [[], [address], [address, third]]) {
      await store.putUsers([ldap(eve, { observedAt: 1 + taken.length, aliases: taken, enabled: true })]);
      expect((await said(store, dave)).enabled).toBe(false);
    }
  });

  it('a user who has named a colleague as an alias of his own is removed like others', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(eve, { aliases: [dave], enabled: true, sourceId: '7' })]);
    await store.putUsers([ldap(dave, { enabled: true, sourceId: '8' })]);
    await store.putUsers([ldap(eve, { observedAt: 2, version: 2, removed: true })]);
    expect((await said(store, eve)).enabled).toBe(false);
  });

  it('who is given the name of a removed user stays in', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(eve, { enabled: true, sourceId: '7' })]);
    await store.putUsers([ldap(dave, { enabled: true, sourceId: '8' })]);
    await store.putUsers([ldap(eve, { observedAt: 2, version: 2, removed: true })]);
    expect((await said(store, eve)).enabled).toBe(false);
    await store.putUsers([entra(dave, { aliases: [eve] })]);
    expect(await said(store, dave)).toMatchObject({ user: dave, enabled: true });
  });

  it('a source that has the user by the same id under another name has not removed it', async () => {
    const store = await openStore(kind);
    await store.putUsers([ldap(address, { aliases: [dave], enabled: true, sourceId: '8' })]);
    await store.putUsers([ldap(dave, { observedAt: 2, enabled: true, sourceId: '8' })]);
    await store.putUsers([ldap(address, { observedAt: 2, version: 2, removed: true })]);
    for (const name of [address, dave]) expect((await said(store, name)).enabled).toBe(true);
  });

  it('an account whose source gave it another main name is not disabled as removed', async () => {
    const store = await openStore(kind);
    await store.putUsers([entra(third, { aliases: [address], enabled: true })]);
    await store.putUsers([entra(address, { observedAt: 2, aliases: [third], enabled: true })]);
    await store.putUsers([entra(third, { observedAt: 2, version: 2, removed: true })]);
    for (const name of [address, third]) expect((await said(store, name)).enabled).toBe(true);
    await store.putUsers([entra(address, { observedAt: 3, version: 3, removed: true })]);
    for (const name of [address, third]) expect((await said(store, name)).enabled).toBe(false);
  });

  it('a longer chain of aliases than is followed denies the user', async () => {
    const store = await openStore(kind);
    const chain = Array.from({ length: 80 }, (_, at) => `dave@domain${at}.test` as UserKey);
    await store.putUsers(chain.map((name, at) => ldap(name, { aliases: chain.slice(at + 1, at + 2) })));
    const { unreadable } = await store.lookup(chain.at(-1) as UserKey, PHONE);
    expect(unreadable).toBeDefined();
  });

  const [alice, smith, uid] = ['alice', 'a.smith@example.com', 'uid-17'] as UserKey[] as [
    UserKey,
    UserKey,
    UserKey,
  ];
  it.each([
    ['an alias of hers', [ldap(alice, { aliases: [smith] })], smith],
    [
      'the user that her name stands for',
      [ldap(uid, { aliases: [smith] }), entra(smith, { aliases: [alice] })],
      uid,
    ],
  ] as const)(
    'a held poll ends when its user is disabled as %s, and the phone stays out until she is enabled there',
    async (_what, known, name) => {
      const office = await openOffice(kind, { policy: { unknownDevice: 'allow' } });
      onTestFinished(() => office.close());
      await office.heard(() => office.operator.putUsers(known));
      const port = office.gateway.port;
      const client = new EasClient({ port, user: alice, password: 'alice-pw', device: 'UB1' });
      onTestFinished(() => client.close());
      expect((await client.folderSync()).easStatus).toBe('1');
      const poll = client.ping(600);
      await until(() => office.gateway.heldPolls() === 1, 'the poll to be held');
      await office.operator.putUsers([userReport(name, { source: 'hr', enabled: false })]);
      expect((await poll).easStatus).toBe('7');
      expect((await client.folderSync()).easStatus).toBe('129');
      await office.heard(() =>
        office.operator.putUsers([userReport(name, { source: 'hr', observedAt: 2, enabled: true })]),
      );
      expect((await client.folderSync()).easStatus).not.toBe('129');
    },
  );
});
