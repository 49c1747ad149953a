// Owns what every store promises of reports on users, and of the names of one user.
import { expect, it } from 'vitest';
import { UserNames } from '../../../src/identity/user-names.ts';
import type { UserKey } from '../../../src/identity/keys.ts';
import type { UserObservation } from '../../../src/model/user.ts';
import {
  BY_TEST,
  alice,
  decision,
  phone,
  seenPartnership,
  userReport,
} from '../../support/servers/directory-records.ts';
import { closeAtEnd } from '../../support/checks/leaks.ts';
import type { StoreFixture } from './fixture.ts';
import { allUsers, bob, nextChanges, twoHandles } from './handles.ts';

const upn = 'alice.smith@contoso.com' as UserKey;
const netbios = 'contoso\\asmith' as UserKey;
const smtp = 'smith.a@contoso.com' as UserKey;

export function userContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture, { sources: ['ad', 'entra'] });
  const report = async (more: Partial<UserObservation>): Promise<string | undefined> =>
    (await handles.store.putUsers([userReport(upn, { version: 0, ...more })]))[0];
  const found = async (name: UserKey = upn) => await handles.other.lookup(name, phone);

  it('know nothing of a user whom nobody reported', async () => {
    expect(await found()).toMatchObject({ user: upn, userRecord: null, userDevices: [] });
    expect(await handles.store.getUser(upn)).toBeNull();
    expect(await allUsers(handles.store)).toEqual([]);
  });

  it('come back as they were written, through another handle, under every name', async () => {
    const said = { groups: ['it', 'staff'], enabled: true, attributes: { employeeType: 'guest', level: 3 } };
    expect(await report({ ...said, aliases: [smtp, netbios], observedAt: 9 })).toBe('news');
    const record = { key: upn, aliases: [netbios, smtp], ...said };
    for (const name of [upn, netbios, smtp])
      expect(await found(name)).toMatchObject({ user: upn, userRecord: record });
    const entry = await handles.other.getUser(netbios);
    expect(entry).toMatchObject({ key: upn, record });
    expect(await allUsers(handles.other)).toEqual([entry]);
  });

  it('give what is stored under exactly a name, although it is an alias of another', async () => {
    await report({ aliases: [netbios] });
    await handles.store.decide({ device: null, user: netbios }, decision('block'), BY_TEST);
    expect(await handles.other.getUser(netbios)).toMatchObject({ key: netbios, record: null });
    expect((await handles.other.getUser(upn))?.key).toBe(upn);
  });

  it('give what one source reports of several users, in their order, each by exactly its name', async () => {
    await report({ groups: ['staff'], aliases: [netbios] });
    await report({ source: 'other', groups: ['it'] });
    await handles.store.putUsers([userReport(bob, { enabled: true })]);
    const reports = await handles.other.getUserReports('ad', [bob, netbios, upn]);
    expect(reports).toMatchObject([{ key: bob, enabled: true }, null, { key: upn, groups: ['staff'] }]);
    expect(await handles.other.getUserReports('nobody', [bob])).toEqual([null]);
    expect(await handles.other.getUserReports('ad', [])).toEqual([]);
  });

  it('tell a user without groups from one whose groups nobody knows', async () => {
    await report({ groups: [] });
    expect((await found()).userRecord?.groups).toEqual([]);
    await handles.store.putUsers([userReport(bob, { enabled: true })]);
    expect((await found(bob)).userRecord).toMatchObject({ groups: null, enabled: true });
  });

  it('keep what an observation does not name, and forget what it calls unknown', async () => {
    await report({ observedAt: 1, groups: ['staff'], enabled: true });
    await report({ observedAt: 2, enabled: null });
    expect((await found()).userRecord).toMatchObject({ groups: ['staff'], enabled: null });
  });

  it('are not overwritten by an older observation of the same source', async () => {
    await report({ observedAt: 20, enabled: false });
    expect(await report({ observedAt: 19, enabled: true })).toBe('older');
    expect((await found()).userRecord?.enabled).toBe(false);
  });

  it('are put together from all sources: the names of all, else the first that says something', async () => {
    await report({
      source: 'entra',
      aliases: [smtp],
      groups: ['cloud'],
      enabled: true,
      attributes: { a: 1, b: 1 },
    });
    await report({ source: 'ad', aliases: [netbios], enabled: false, attributes: { a: 2 } });
    expect((await found(smtp)).userRecord).toEqual({
      key: upn,
      aliases: [netbios, smtp],
      groups: ['cloud'],
      enabled: false,
      attributes: { a: 2, b: 1 },
    });
  });

  it('of a removal disable the account under all its names, until a later observation', async () => {
    await report({ observedAt: 1, aliases: [netbios], groups: ['staff'], enabled: true });
    await report({ observedAt: 2, removed: true, groups: ['staff'], enabled: true });
    expect((await found(netbios)).userRecord).toMatchObject({ enabled: false, groups: null });
    expect(await report({ observedAt: 3, source: 'entra', enabled: true })).toBe('news');
    expect((await found(netbios)).userRecord?.enabled).toBe(true);
    await report({ observedAt: 4, groups: ['staff'] });
    expect((await handles.other.getUser(upn))?.reports[0]).toMatchObject({ enabled: null, removed: null });
  });

  it('forget names that were taken away', async () => {
    await report({ observedAt: 1, aliases: [netbios, smtp] });
    await report({ observedAt: 2, aliases: [smtp] });
    expect(await found(netbios)).toMatchObject({ user: netbios, userRecord: null });
    expect((await found(smtp)).user).toBe(upn);
  });

  it('keep a name that another source still tells', async () => {
    await report({ observedAt: 1, aliases: [netbios] });
    await report({ observedAt: 1, source: 'entra', aliases: [netbios] });
    await report({ observedAt: 2, aliases: [] });
    expect((await found(netbios)).user).toBe(upn);
  });

  it('take over a name that another user had', async () => {
    await report({ observedAt: 1, aliases: [netbios] });
    const before = await handles.store.position();
    await handles.store.putUsers([userReport(bob, { aliases: [netbios] })]);
    expect((await found(netbios)).user).toBe(bob);
    const changed = (await nextChanges(handles.other, before, 3)).map(({ user }) => user);
    expect(changed).toEqual([upn, bob, netbios].toSorted());
    // The loss of one name takes none from the user who has it now.
    await report({ observedAt: 2, aliases: [] });
    expect((await found(netbios)).user).toBe(bob);
  });

  it('find what is stored under names with other local parts', async () => {
    await handles.store.decide({ device: phone, user: netbios }, decision('quarantine'), BY_TEST);
    await handles.store.decide({ device: null, user: smtp }, decision('block'), BY_TEST);
    await handles.store.recordSeen([seenPartnership(netbios, phone, 10), seenPartnership(smtp, phone, 20)]);
    await report({ aliases: [netbios, smtp] });
    for (const name of [upn, netbios, smtp]) {
      expect(await found(name)).toMatchObject({
        user: upn,
        partnershipDecision: decision('quarantine'),
        decidedFor: netbios,
        userDecisions: [{ user: smtp, decision: decision('block') }],
        partnership: { user: upn, firstSeen: 10, lastSeen: 20 },
        userDevices: [{ device: phone, firstSeen: 10, lastAllowed: 20 }],
        usersOnDevice: 1,
      });
    }
  });

  it('find what is stored under any domain of a group of domains', async () => {
    const names = new UserNames([['contoso.com', 'contoso', 'contoso.net']]);
    const store = closeAtEnd(await fixture.open({ names }));
    const [dns, other, short] = ['al@contoso.com', 'al@contoso.net', 'contoso\\al'] as UserKey[] as [
      UserKey,
      UserKey,
      UserKey,
    ];
    await store.putUsers([userReport(alice, { aliases: [dns] })]);
    await store.decide({ device: phone, user: other }, decision('allow'), BY_TEST);
    await store.decide({ device: null, user: short }, decision('block'), BY_TEST);
    for (const name of [dns, other, short, alice]) {
      expect(await store.lookup(name, phone)).toMatchObject({
        user: alice,
        exactDecisions: [{ user: other }],
        userDecisions: [{ user: short }],
      });
    }
  });

  // Active Directory takes these names for one (Microsoft KB 938447).
  it.each([
    ['strasse', 'straße'],
    ['dave', 'dàve'],
    ['zoe', 'Ｚoë'],
    ['søren', 'soren'],
  ] as [UserKey, UserKey][])('apply decisions on %s to a login as %s', async (decided, login) => {
    await handles.store.decide({ device: null, user: decided }, decision('block'), BY_TEST);
    await handles.store.decide({ device: phone, user: decided }, decision('quarantine'), BY_TEST);
    expect(await found(login)).toMatchObject({
      namesakeUserDecisions: [{ user: decided, decision: decision('block') }],
      namesakeDecisions: [{ user: decided, decision: decision('quarantine') }],
      userDecisions: [],
    });
  });

  it('apply decisions on a user to every name that may be one of the user', async () => {
    await report({ aliases: [smtp] });
    const third = 'third@contoso.com' as UserKey;
    await report({ observedAt: 2, aliases: [smtp, third] });
    await handles.store.decide({ device: null, user: third }, decision('block'), BY_TEST);
    await handles.store.decide({ device: phone, user: upn }, decision('block'), BY_TEST);
    // The login has the local part of one alias; the decisions stand under two other names of the user.
    const login = 'contoso\\smith.a' as UserKey;
    expect(await found(login)).toMatchObject({
      user: login,
      namesakeUserDecisions: [{ user: third }],
      namesakeDecisions: [{ user: upn }],
    });
    expect((await found('contoso\\somebody' as UserKey)).namesakeUserDecisions).toEqual([]);
    expect((await found('smith.a@contoso.org' as UserKey)).namesakeUserDecisions).toEqual([]);
  });

  it('keep names with separators apart', async () => {
    const odd = ['a:b', 'a', 'b', '', 'a b', 'a\u0000b', 'ä:%'] as UserKey[];
    await handles.store.putUsers(odd.map((key) => userReport(key, { groups: [`g${key.length}`] })));
    for (const key of odd)
      expect((await handles.other.getUser(key))?.record).toMatchObject({ key, groups: [`g${key.length}`] });
    expect(await allUsers(handles.other)).toHaveLength(odd.length);
  });

  it('are listed with all that is stored of a user, once each', async () => {
    const key = (index: number): UserKey => `u${String(index).padStart(4, '0')}@contoso.com` as UserKey;
    await handles.store.putUsers(Array.from({ length: 450 }, (_, index) => userReport(key(index))));
    await handles.store.recordSeen([seenPartnership(key(1), phone, 5), seenPartnership(bob, phone, 6)]);
    await handles.store.decide({ device: null, user: alice }, decision('block'), BY_TEST);
    const listed = await allUsers(handles.other);
    expect(listed).toHaveLength(452);
    expect(listed.find((one) => one.key === bob)).toMatchObject({
      record: null,
      devices: [{ device: phone, firstSeen: 6 }],
    });
    expect(listed.find((one) => one.key === alice)?.decided).toMatchObject({
      decision: { action: 'block' },
      history: [{}],
    });
  });
}
