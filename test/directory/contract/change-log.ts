// Owns what every store promises of its change log.
import { expect, it } from 'vitest';
import type { Change } from '../../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import type { DeviceObservation } from '../../../src/model/device.ts';
import type { UserObservation } from '../../../src/model/user.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  phone,
  userReport,
} from '../../support/servers/directory-records.ts';
import type { StoreFixture } from './fixture.ts';
import { changesUntil, nextChanges, twoHandles } from './handles.ts';

const onDevice = { device: phone, user: null };

export function logContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);

  it('shows changes to another handle, from the place it last read', async () => {
    const { store, other } = handles;
    const position = await other.position();
    await store.decide(onDevice, decision('block'), BY_TEST);
    await store.putUsers([userReport(alice)]);
    const first = await changesUntil(other, position, ({ length }) => length >= 2);
    expect(first.toSorted((a) => (a.device === null ? 1 : -1))).toEqual([
      { device: phone, user: null },
      { device: null, user: alice },
    ]);
    const next = await other.position();
    await store.decide({ device: phone, user: alice }, decision('block'), BY_TEST);
    expect(await nextChanges(other, next, 1)).toEqual([{ device: phone, user: alice }]);
  });

  it('wakes a reader that waits', async () => {
    const waiting = handles.other.changesAfter(await handles.other.position());
    await handles.store.decide({ device: phone, user: alice }, decision('block'), BY_TEST);
    expect((await waiting).changes).toEqual([{ device: phone, user: alice }]);
  });

  it('places a look-up behind the changes it has seen', async () => {
    const { store } = handles;
    const before = await store.lookup(alice, phone);
    const start = await store.position();
    await store.decide(onDevice, decision('block'), BY_TEST);
    const { position } = await store.changesAfter(start);
    expect(store.isBefore(before.position, position)).toBe(true);
    const after = await store.lookup(alice, phone);
    expect(store.isBefore(before.position, after.position)).toBe(true);
    expect(store.isBefore(after.position, position)).toBe(false);
    expect(store.isBefore(position, after.position)).toBe(false);
  });

  it('places a look-up of a user behind the changes of this user', async () => {
    const { store } = handles;
    const before = await store.lookup(alice, phone);
    const start = await store.position();
    await store.putUsers([userReport(alice, { enabled: false })]);
    const { position } = await store.changesAfter(start);
    expect(store.isBefore(before.position, position)).toBe(true);
    expect(store.isBefore((await store.lookup(alice, phone)).position, position)).toBe(false);
  });

  it('has no entry for a report that says what is known, and the report is stored', async () => {
    const facts = { compliant: false, unmetRequirements: ['encryption'], attributes: { a: 1, b: 2 } };
    await handles.store.putDevices([deviceReport(phone, { ...facts, observedAt: 1 })]);
    const before = await handles.store.position();
    const again = deviceReport(phone, {
      ...facts,
      attributes: { b: 2, a: 1 },
      observedAt: 2,
      version: 9,
      lastCheckIn: 9,
      sourceId: 'x',
    });
    expect(await handles.store.putDevices([again])).toEqual(['stored']);
    expect(await handles.store.position()).toBe(before);
    expect((await handles.store.getDevice(phone))?.reports).toMatchObject([
      { version: 9, lastCheckIn: 9, sourceId: 'x' },
    ]);
  });

  it.each([
    { managed: false },
    { compliant: null },
    { encrypted: true },
    { compromised: false },
    { managedMailProfile: true },
    { model: 'SM-G991B' },
    { platform: 'android' },
    { osVersion: '18.0' },
    { ownership: 'personal' },
    { graceUntil: 99 },
    { attributes: { threat: 'low' } },
    { unmetRequirements: ['minimumOs'] },
    { unmetRequirements: ['minimumOs', 'encryption'] },
    { unmetRequirements: [] },
    { removed: true },
  ] as Partial<DeviceObservation>[])('has an entry for a report of something new: %o', async (news) => {
    const facts = { compliant: false, unmetRequirements: ['encryption', 'minimumOs'] };
    await handles.store.putDevices([deviceReport(phone, { ...facts, observedAt: 1 })]);
    const before = await handles.store.position();
    expect(
      await handles.store.putDevices([{ ...deviceReport(phone), ...facts, ...news, observedAt: 2 }]),
    ).toEqual(['news']);
    expect(await nextChanges(handles.other, before, 1)).toEqual([{ device: phone, user: null }]);
  });

  it('has an entry for each name of a user that changed', async () => {
    const [smtp, netbios] = ['a.smith@example.com' as UserKey, 'example\\asmith' as UserKey];
    await handles.store.putUsers([userReport(alice, { observedAt: 1, aliases: [smtp] })]);
    const before = await handles.store.position();
    await handles.store.putUsers([userReport(alice, { observedAt: 2, aliases: [netbios] })]);
    expect((await nextChanges(handles.other, before, 3)).map(({ user }) => user)).toEqual(
      [smtp, alice, netbios].toSorted(),
    );
  });

  it('has an entry for each name of the user for a decision on a user', async () => {
    const smtp = 'a.smith@example.com' as UserKey;
    await handles.store.putUsers([userReport(alice, { aliases: [smtp] })]);
    for (const user of [alice, smtp]) {
      const before = await handles.store.position();
      await handles.store.decide({ device: null, user }, decision('block'), BY_TEST);
      expect((await nextChanges(handles.other, before, 2)).map((change) => change.user)).toEqual(
        [smtp, alice].toSorted(),
      );
    }
  });

  it('has no entry for a user who is as before', async () => {
    const facts = {
      aliases: ['b', 'a'],
      groups: ['y', 'x'],
      enabled: true,
      attributes: { a: 1, b: 2 },
    } as const;
    await handles.store.putUsers([userReport(alice, { ...facts, observedAt: 1 })]);
    const before = await handles.store.position();
    const same = { aliases: ['a', 'b', 'a'], groups: ['x', 'y'], attributes: { b: 2, a: 1 } };
    expect(
      await handles.store.putUsers([userReport(alice, { ...same, observedAt: 2, sourceId: 'id' })]),
    ).toEqual(['stored']);
    expect(await handles.store.position()).toBe(before);
  });

  it.each([
    { groups: ['x'] },
    { enabled: false },
    { attributes: { a: 2 } },
    { aliases: ['al'] },
    { removed: true },
  ] as Partial<UserObservation>[])('has an entry for a user of whom something is new: %o', async (news) => {
    const facts = { aliases: [], groups: ['x', 'y'], enabled: true, attributes: { a: 1 } };
    await handles.store.putUsers([userReport(alice, { ...facts, observedAt: 1 })]);
    const before = await handles.store.position();
    expect(await handles.store.putUsers([userReport(alice, { ...facts, ...news, observedAt: 2 })])).toEqual([
      'news',
    ]);
    const isAlice = ({ user }: Change): boolean => user === alice;
    expect(
      (await changesUntil(handles.other, before, (changes) => changes.some(isAlice))).some(isAlice),
    ).toBe(true);
  });

  it('names every device of a bulk write, and loses none', async () => {
    const keys = Array.from({ length: 700 }, (_, index) => `bulk${index}` as DeviceKey);
    const before = await handles.other.position();
    await handles.store.putDevices(keys.map((key) => deviceReport(key)));
    const named = new Set<DeviceKey | null>();
    await changesUntil(handles.other, before, (changes) => {
      for (const { device } of changes) named.add(device);
      return named.size >= keys.length;
    });
    expect(named).toEqual(new Set(keys));
  });

  it('draws one secret for all gateways', async () => {
    const secret = await handles.store.sharedSecret();
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(await handles.other.sharedSecret()).toBe(secret);
  });
}
