// Owns what every store promises of manual decisions and of imported ones.
import { expect, it } from 'vitest';
import type { DecisionSubject } from '../../../src/model/decision.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import {
  BY_TEST,
  alice,
  decision,
  phone,
  userReport,
  wipeDecision,
} from '../../support/servers/directory-records.ts';
import type { StoreFixture } from './fixture.ts';
import { allDevices, allUsers, bob, nextChanges, twoHandles } from './handles.ts';

const onDevice: DecisionSubject = { device: phone, user: null };
const onPartnership: DecisionSubject = { device: phone, user: alice };
const onUser: DecisionSubject = { device: null, user: alice };

export function decisionContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);
  const found = async (user: UserKey = alice) => await handles.other.lookup(user, phone);

  it('on device, partnership and user are kept apart, and taken back one by one', async () => {
    const { store } = handles;
    await store.decide(onDevice, decision('block'), BY_TEST);
    await store.decide(onPartnership, decision('allow'), BY_TEST);
    await store.decide(onUser, decision('quarantine'), BY_TEST);
    expect(await found()).toMatchObject({
      deviceDecision: decision('block'),
      partnershipDecision: decision('allow'),
      userDecisions: [{ user: alice, decision: decision('quarantine') }],
    });
    await store.decide(onDevice, null, BY_TEST);
    await store.decide(onUser, null, BY_TEST);
    expect(await found()).toMatchObject({
      deviceDecision: null,
      partnershipDecision: decision('allow'),
      userDecisions: [],
    });
    expect(await found(bob)).toMatchObject({ partnershipDecision: null, userDecisions: [] });
  });

  it('on nothing are refused', async () => {
    await expect(
      handles.store.decide({ device: null, user: null }, decision('block'), BY_TEST),
    ).rejects.toThrow();
  });

  it('keep their last changes: who, when, from where, before and after', async () => {
    const { store } = handles;
    await store.decide(
      onDevice,
      { ...decision('block'), reason: 'lost', expiresAt: 99 },
      { by: 'eve', via: 'api', at: 7 },
    );
    await store.decide(onDevice, null, { by: 'bob', via: 'cli', at: 8 });
    expect((await handles.other.getDevice(phone))?.decided).toEqual({
      decision: null,
      history: [
        { at: 7, by: 'eve', via: 'api', before: null, after: 'block', reason: 'lost', expiresAt: 99 },
        { at: 8, by: 'bob', via: 'cli', before: 'block', after: null, reason: null, expiresAt: null },
      ],
    });
    for (let at = 10; at < 40; at++) {
      await store.decide(onPartnership, decision('allow'), { by: 'eve', via: 'cli', at });
      await store.decide(onUser, decision('block'), { by: 'eve', via: 'cli', at });
    }
    const partnership = (await handles.other.getDevice(phone))?.decidedByUser.get(alice);
    const user = (await handles.other.getUser(alice))?.decided;
    for (const history of [partnership?.history, user?.history])
      expect(history?.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, index) => 20 + index));
  });

  it('on names that may be the user are told apart from those on exactly this user', async () => {
    const [upn, netbios] = ['alice@example.com' as UserKey, 'example\\alice' as UserKey];
    for (const user of [upn, netbios, bob])
      await handles.store.decide({ device: phone, user }, decision('block'), BY_TEST);
    expect(await found(upn)).toMatchObject({
      partnershipDecision: decision('block'),
      decidedFor: upn,
      exactDecisions: [{ user: upn }],
      namesakeDecisions: [{ user: netbios, decision: decision('block') }],
    });
    expect((await found('alice@example.net' as UserKey)).namesakeDecisions.map(({ user }) => user)).toEqual([
      netbios,
    ]);
    expect((await found()).namesakeDecisions.map(({ user }) => user).toSorted()).toEqual([upn, netbios]);
    expect([...((await handles.other.getDevice(phone))?.decidedByUser.keys() ?? [])].toSorted()).toEqual(
      [upn, bob, netbios].toSorted(),
    );
  });

  it('of several names of one user: the strictest counts', async () => {
    const smtp = 'alice@example.com' as UserKey;
    await handles.store.putUsers([userReport(alice, { aliases: [smtp] })]);
    await handles.store.decide({ device: phone, user: smtp }, decision('block'), BY_TEST);
    await handles.store.decide(onPartnership, decision('allow'), BY_TEST);
    const { partnershipDecision, decidedFor, exactDecisions } = await found();
    expect([partnershipDecision?.action, decidedFor, exactDecisions.length]).toEqual(['block', smtp, 2]);
  });

  it('on devices and users that were never seen are listed', async () => {
    const other = 'phone2' as DeviceKey;
    await handles.store.decide({ device: other, user: alice }, decision('quarantine'), BY_TEST);
    await handles.store.decide(onUser, decision('block'), BY_TEST);
    expect(await allDevices(handles.other)).toMatchObject([{ key: other, record: null, partnerships: [] }]);
    expect(await allUsers(handles.other)).toMatchObject([{ key: alice, record: null, devices: [] }]);
  });

  it('take the place of what was expected', async () => {
    const { store } = handles;
    expect(await store.replaceDecision(onPartnership, null, decision('block'), BY_TEST)).not.toBeNull();
    expect(
      await store.replaceDecision(onPartnership, decision('block'), wipeDecision(1), BY_TEST),
    ).not.toBeNull();
    expect((await found()).partnershipDecision).toEqual(wipeDecision(1));
    const before = await store.position();
    expect(await store.replaceDecision(onPartnership, wipeDecision(1), null, BY_TEST)).not.toBeNull();
    expect((await found()).partnershipDecision).toBeNull();
    expect(await nextChanges(handles.other, before, 1)).toEqual([{ device: phone, user: alice }]);
  });

  it('stay where another one stands by now', async () => {
    const { store, other } = handles;
    await store.decide(onDevice, decision('block'), BY_TEST);
    const position = await store.position();
    expect(await other.replaceDecision(onDevice, decision('allow'), null, BY_TEST)).toBeNull();
    expect(await other.replaceDecision(onDevice, null, decision('allow'), BY_TEST)).toBeNull();
    expect((await found()).deviceDecision).toEqual(decision('block'));
    expect(await store.position()).toBe(position);
  });

  it('are replaced by one of many that expect the same', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        (index % 2 === 0 ? handles.store : handles.other).replaceDecision(
          onDevice,
          null,
          { ...decision('block'), decidedAt: index },
          BY_TEST,
        ),
      ),
    );
    expect(results.filter((result) => result !== null)).toHaveLength(1);
  });

  it('that are imported stand beside those by hand, of each source one', async () => {
    const { store } = handles;
    await store.decide(onDevice, decision('block'), BY_TEST);
    const before = await store.position();
    await store.putImported('exchange', [
      { ...onDevice, decision: decision('allow') },
      { ...onPartnership, decision: decision('block') },
      { ...onUser, decision: decision('quarantine') },
      { device: phone, user: bob, decision: decision('allow') },
    ]);
    await store.putImported('other', [{ ...onDevice, decision: decision('quarantine') }]);
    expect(await nextChanges(handles.other, before, 5)).toEqual(
      expect.arrayContaining([
        { device: phone, user: alice },
        { device: phone, user: bob },
        { device: null, user: alice },
      ]),
    );
    const { deviceDecision, importedDecisions } = await found();
    expect(deviceDecision).toEqual(decision('block'));
    expect(
      importedDecisions
        .map(({ source, device, user, decision: { action } }) => [source, device, user, action].join(' '))
        .toSorted(),
    ).toEqual([
      'exchange  alice quarantine',
      'exchange phone1  allow',
      'exchange phone1 alice block',
      'other phone1  quarantine',
    ]);
    expect((await handles.other.getDevice(phone))?.imported).toHaveLength(4);
    expect((await handles.other.getUser(alice))?.imported).toHaveLength(1);
    await store.putImported('exchange', [
      { ...onDevice, decision: null },
      { ...onUser, decision: null },
    ]);
    expect((await found()).importedDecisions.map(({ source, user }) => [source, user])).toEqual(
      expect.arrayContaining([
        ['exchange', alice],
        ['other', null],
      ]),
    );
    expect((await found()).importedDecisions).toHaveLength(2);
  });

  it('that are imported again as they are, are no news', async () => {
    const changes = [
      { ...onDevice, decision: decision('allow') },
      { ...onUser, decision: decision('block') },
    ];
    await handles.store.putImported('exchange', changes);
    const position = await handles.store.position();
    await handles.store.putImported('exchange', changes);
    expect(await handles.store.position()).toBe(position);
  });
}
