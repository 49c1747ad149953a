// Owns what every store promises of partnerships.
import { expect, it } from 'vitest';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import {
  alice,
  noticed,
  phone,
  seenPartnership,
  userReport,
} from '../../support/servers/directory-records.ts';
import type { StoreFixture } from './fixture.ts';
import { bob, twoHandles } from './handles.ts';

export function partnershipContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);
  const seen = async () => (await handles.other.lookup(alice, phone)).partnership;

  it('keep when they were first seen and last allowed, and what the device told', async () => {
    expect(await seen()).toBeNull();
    const told = { model: 'iPhone15C2', os: 'iOS 18.1', imei: '350000000000006' };
    await handles.store.recordSeen([seenPartnership(alice, phone, 10, told)]);
    const refused = { lastAllowed: null, lastVerdict: 'block', lastReason: 'notCompliant' };
    await handles.store.recordSeen([seenPartnership(alice, phone, 20, refused)]);
    expect(await seen()).toEqual({
      ...seenPartnership(alice, phone, 20),
      ...told,
      ...refused,
      firstSeen: 10,
      lastAllowed: 10,
    });
    expect((await handles.other.lookup(bob, phone)).partnership).toBeNull();
    expect((await handles.other.getDevice(phone))?.partnerships).toEqual([await seen()]);
  });

  it('take over what is written last, also from a clock that was ahead', async () => {
    await handles.store.recordSeen([seenPartnership(alice, phone, 9_000)]);
    await handles.store.recordSeen([seenPartnership(alice, phone, 20)]);
    expect(await seen()).toMatchObject({ firstSeen: 20, lastSeen: 20, lastAllowed: 20 });
  });

  it('remember when the User-Agent changed', async () => {
    for (const [at, userAgent] of [
      [10, 'a'],
      [20, 'a'],
      [30, 'b'],
      [40, null],
      [50, 'a'],
    ] as const)
      await handles.store.recordSeen([seenPartnership(alice, phone, at, { userAgent })]);
    expect((await seen())?.agentChanges.slice(0, 1)).toEqual([30]);
  });

  it('keep the spellings of the device id, and say when there is a new one', async () => {
    const hex = '70686f6e6531';
    const { store, other } = handles;
    expect(await noticed(store, [seenPartnership(alice, phone, 10)])).toEqual([]);
    expect(await noticed(other, [seenPartnership(alice, phone, 20)])).toEqual([]);
    expect(await noticed(other, [seenPartnership(alice, phone, 30, { spellings: [hex] })])).toEqual([
      { kind: 'device_respelled', user: alice, device: phone, spellings: [phone, hex] },
    ]);
    expect(await noticed(store, [seenPartnership(alice, phone, 40, { spellings: [hex] })])).toEqual([]);
    const many = Array.from({ length: 20 }, (_, index) => `spelling${index}`);
    await store.recordSeen([seenPartnership(alice, phone, 50, { spellings: many })]);
    expect((await seen())?.spellings).toEqual([phone, hex, ...many.slice(0, 6)]);
  });

  it('say when the verdict is another one than any gateway recorded before, once', async () => {
    const { store, other } = handles;
    const allowed = { lastVerdict: 'allow', lastReason: 'compliant' };
    const blocked = { lastVerdict: 'block', lastReason: 'notCompliant' };
    expect(await noticed(store, [seenPartnership(alice, phone, 10, allowed)])).toEqual([]);
    expect(await noticed(other, [seenPartnership(alice, phone, 20, blocked)])).toEqual([
      {
        kind: 'verdict_changed',
        user: alice,
        device: phone,
        before: { action: 'allow', reason: 'compliant' },
        after: { action: 'block', reason: 'notCompliant' },
      },
    ]);
    expect(await noticed(store, [seenPartnership(alice, phone, 30, blocked)])).toEqual([]);
  });

  it('say when a device id has a further user, and not when it is another name of the same', async () => {
    const { store, other } = handles;
    expect(await noticed(store, [seenPartnership(alice, phone, 10)])).toEqual([]);
    expect(await noticed(store, [seenPartnership('x\\alice' as UserKey, phone, 20)])).toEqual([]);
    expect(await noticed(other, [seenPartnership(bob, phone, 30)])).toEqual([
      { kind: 'device_shared', user: bob, device: phone, users: 3 },
    ]);
    expect(await noticed(store, [seenPartnership(bob, phone, 40)])).toEqual([]);
  });

  it('say when the User-Agent changed three times within a day, and not before', async () => {
    const said: string[][] = [];
    const hour = 3_600_000;
    for (const [at, userAgent] of [
      [0, 'a'],
      [30, 'b'],
      [40, 'a'],
      [50, 'b'],
      [51, 'b'],
      [60, 'c'],
    ] as const) {
      const signals = await noticed(handles.store, [seenPartnership(alice, phone, at * hour, { userAgent })]);
      said.push(signals.map((signal) => `${signal.kind} ${'changes' in signal ? signal.changes : ''}`));
    }
    expect(said).toEqual([[], [], [], ['agent_changed 3'], [], ['agent_changed 3']]);
  });

  it('say when a user with many devices comes with a further one', async () => {
    const said: number[] = [];
    for (let number = 1; number <= 12; number++) {
      const device = `device${number}` as DeviceKey;
      for (const at of [10, 20])
        for (const signal of await noticed(handles.store, [seenPartnership(alice, device, at)]))
          if (signal.kind === 'many_devices') said.push(signal.devices);
    }
    expect(said).toEqual([10, 11, 12]);
  });

  it('under several names of a user are one', async () => {
    const smtp = 'alice@example.com' as UserKey;
    await handles.store.recordSeen([seenPartnership(smtp, phone, 20, { os: 'iOS 18', spellings: ['b'] })]);
    await handles.store.recordSeen([seenPartnership(alice, phone, 10, { spellings: ['a'] })]);
    await handles.store.putUsers([userReport(alice, { aliases: [smtp] })]);
    await handles.store.recordSeen([
      seenPartnership(smtp, phone, 40, { spellings: ['c'], lastAllowed: null }),
    ]);
    for (const name of [alice, smtp]) {
      const { partnership, usersOnDevice, userDevices } = await handles.other.lookup(name, phone);
      expect(partnership).toMatchObject({
        user: alice,
        firstSeen: 10,
        lastSeen: 40,
        lastAllowed: 20,
        os: 'iOS 18',
      });
      expect(partnership?.spellings.toSorted()).toEqual(['a', 'b', 'c']);
      expect([usersOnDevice, userDevices]).toEqual([1, [{ device: phone, firstSeen: 10, lastAllowed: 20 }]]);
    }
  });

  it('tell the devices of a user in the order of first seen, and the users of a device', async () => {
    const [old, unused] = ['old' as DeviceKey, 'unused' as DeviceKey];
    await handles.store.recordSeen([
      seenPartnership(alice, phone, 20),
      seenPartnership(bob, phone, 21),
      seenPartnership('carol' as UserKey, phone, 22),
      seenPartnership(alice, unused, 15, { lastAllowed: null }),
      seenPartnership(alice, old, 10),
    ]);
    const { userDevices, usersOnDevice } = await handles.other.lookup(alice, phone);
    expect(userDevices).toEqual([
      { device: old, firstSeen: 10, lastAllowed: 10 },
      { device: unused, firstSeen: 15, lastAllowed: null },
      { device: phone, firstSeen: 20, lastAllowed: 20 },
    ]);
    expect(usersOnDevice).toBe(3);
  });

  it('beyond the bound of counted devices leave out those that were allowed long ago', async () => {
    const key = (index: number): DeviceKey => `p${String(index).padStart(3, '0')}` as DeviceKey;
    const many = Array.from({ length: 300 }, (_, index) =>
      seenPartnership(alice, key(index), 1_000 + index, { lastAllowed: index < 50 ? null : 9_000 - index }),
    );
    await handles.store.recordSeen(many);
    const { userDevices } = await handles.other.lookup(alice, key(0));
    expect(userDevices).toHaveLength(256);
    expect(userDevices.filter(({ lastAllowed }) => lastAllowed !== null)).toHaveLength(250);
    expect(userDevices.map(({ firstSeen }) => firstSeen)).toEqual(
      userDevices.map(({ firstSeen }) => firstSeen).toSorted((a, b) => a - b),
    );
  });

  it('are no news', async () => {
    const before = await handles.store.position();
    await handles.store.recordSeen([seenPartnership(alice, phone, 10)]);
    expect(await handles.store.position()).toBe(before);
  });
}
