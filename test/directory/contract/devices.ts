// Owns what every store promises of reports on devices.
import { expect, it } from 'vitest';
import type { DeviceRecord, DeviceObservation } from '../../../src/model/device.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import type { DeviceKey } from '../../../src/identity/keys.ts';
import {
  alice,
  decision,
  deviceReport,
  phone,
  BY_TEST,
  seenPartnership,
} from '../../support/servers/directory-records.ts';
import type { StoreFixture } from './fixture.ts';
import { allDevices, twoHandles } from './handles.ts';

const HOUR = 3_600_000;

export function deviceContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture, { sources: ['mdm', 'jamf', 'list'] });
  const report = async (more: Partial<DeviceObservation>): Promise<string | undefined> =>
    (await handles.store.putDevices([deviceReport(phone, { version: 0, ...more })]))[0];
  const device = async (): Promise<DeviceRecord | null> => (await handles.other.lookup(alice, phone)).device;
  const reported = async (source: string) =>
    (await handles.other.getDevice(phone))?.reports.find((one) => one.source === source);

  it('know nothing of a device that nobody reported', async () => {
    expect(await device()).toBeNull();
    expect(await handles.store.getDevice(phone)).toBeNull();
    expect(await allDevices(handles.store)).toEqual([]);
  });

  it('are read many at once, in the order of their keys, null where nothing is stored', async () => {
    await report({ managed: true });
    const other = 'otherphone' as DeviceKey;
    await handles.store.putDevices([deviceReport(other, { version: 0, managed: false })]);
    const entries = await handles.other.getDevices([other, 'nobody' as DeviceKey, phone]);
    expect(entries.map((entry) => entry?.record?.managed)).toEqual([false, undefined, true]);
    expect(await handles.other.getDevices([])).toEqual([]);
  });

  it('come back as they were written, through another handle', async () => {
    const said = {
      managed: true,
      compliant: false,
      encrypted: true,
      compromised: false,
      managedMailProfile: null,
      platform: 'ios',
      osVersion: '17.4.1',
      os: 'iOS 17.4.1 21E236',
      model: 'iPhone15,2',
      manufacturer: 'Apple',
      ownership: 'company',
      owner: 'alice@contoso.com',
      serialNumber: 'DNPHG6NVDT9V',
      udid: '00008110-0001',
      imei: '350000000000006',
      lastCheckIn: 700,
      graceUntil: 900,
      unmetRequirements: ['passcode', 'minimumOs'],
      attributes: { threat: 'low', score: 7, supervised: true },
      sourceId: '{0f8fad5b-d9cb-469f-a165}',
    } as const;
    expect(await report({ ...said, observedAt: 500, version: 3 })).toBe('news');
    const { attributes, sourceId: _, ...values } = said;
    expect(await device()).toMatchObject({
      key: phone,
      source: 'mdm',
      observedAt: 500,
      ...values,
      attributes,
    });
    const entry = await handles.other.getDevice(phone);
    expect(entry?.reports).toEqual([expect.objectContaining({ ...said, version: 3, reportedSince: 500 })]);
    expect(await allDevices(handles.other)).toEqual([entry]);
  });

  it.each([
    ['a phone was seen', (store) => store.recordSeen([seenPartnership(alice, phone, 10)])],
    [
      'a decision was made',
      (store) => store.decide({ device: phone, user: null }, decision('block'), BY_TEST),
    ],
    [
      'a decision on its partnership was made',
      (store) => store.decide({ device: phone, user: alice }, decision('allow'), BY_TEST),
    ],
    [
      'a decision was imported',
      (store) => store.putImported('list', [{ device: phone, user: null, decision: decision('allow') }]),
    ],
  ] satisfies readonly (readonly [string, (store: DirectoryStore) => Promise<unknown>])[])(
    'are written also where %s before, by two sources, and nothing of it is lost',
    async (_, before) => {
      await before(handles.store);
      const first = await handles.other.lookup(alice, phone);
      // The second batch comes after one of known devices, and after one of new devices.
      for (const source of ['mdm', 'jamf', 'list']) {
        expect(await report({ source, observedAt: 50 })).not.toBe('older');
        await handles.store.putDevices([deviceReport(`other${source}` as DeviceKey, { observedAt: 50 })]);
      }
      const {
        device: now,
        position: _at,
        usersOnDevice: _n,
        ...rest
      } = await handles.other.lookup(alice, phone);
      expect(now).toMatchObject({ managed: true, compliant: true });
      const { device: none, position: _before, usersOnDevice: _m, ...kept } = first;
      expect(none).toBeNull();
      expect(rest).toEqual(kept);
    },
  );

  it('keep a field that an observation does not name, and forget one that it calls unknown', async () => {
    await report({ observedAt: 10, encrypted: true, osVersion: '17.4' });
    await handles.store.putDevices([{ key: phone, source: 'mdm', observedAt: 20, encrypted: null }]);
    expect(await device()).toMatchObject({ managed: true, osVersion: '17.4', encrypted: null });
  });

  it('are not overwritten by an older observation of the same source', async () => {
    await report({ observedAt: 50, version: 5, compliant: false });
    expect(await report({ observedAt: 49, version: 9 })).toBe('older');
    expect(await report({ observedAt: 50, version: 4 })).toBe('older');
    expect((await device())?.compliant).toBe(false);
    expect(await report({ observedAt: 50, version: 6 })).toBe('news');
    expect(await report({ source: 'jamf', observedAt: 1 })).toBe('news');
    expect((await device())?.compliant).toBe(true);
  });

  it('count from the future as observed when they arrived', async () => {
    const before = Date.now();
    await report({ observedAt: before + HOUR, lastCheckIn: before + HOUR });
    const { observedAt = 0, lastCheckIn = 0 } = (await device()) ?? {};
    for (const time of [observedAt, lastCheckIn ?? 0]) {
      expect(time).toBeGreaterThanOrEqual(before - 1_000);
      expect(time).toBeLessThanOrEqual(Date.now() + 300_000);
      expect(time).toBeLessThan(before + HOUR);
    }
  });

  it('are put together field by field, from the first source that says something', async () => {
    await report({ source: 'list', observedAt: 30, managed: null, compliant: null, model: 'A', os: 'iOS' });
    await report({ source: 'jamf', observedAt: 20, compliant: false, model: 'B', encrypted: null });
    await report({ source: 'mdm', observedAt: 10, managed: null, compliant: null, model: null });
    await report({ source: 'import', observedAt: 40, compliant: true, encrypted: true, model: 'C' });
    expect(await device()).toMatchObject({
      managed: true,
      compliant: false,
      encrypted: true,
      model: 'B',
      os: 'iOS',
      source: 'jamf',
      observedAt: 40,
      reportedSince: 10,
    });
    expect((await handles.other.getDevice(phone))?.reports.map(({ source }) => source)).toEqual([
      'mdm',
      'jamf',
      'list',
      'import',
    ]);
  });

  it('of a list without compliance make nobody unknown', async () => {
    await report({ source: 'jamf', observedAt: 10 });
    await report({ source: 'mdm', observedAt: 20, managed: null, compliant: null });
    expect(await device()).toMatchObject({ managed: true, compliant: true });
  });

  it('tell requirements and grace of the source whose judgement counts', async () => {
    await report({ source: 'mdm', observedAt: 10, compliant: false, unmetRequirements: ['passcode'] });
    await report({
      source: 'jamf',
      observedAt: 20,
      compliant: true,
      graceUntil: 99,
      unmetRequirements: ['os'],
    });
    expect(await device()).toMatchObject({ unmetRequirements: ['passcode'], graceUntil: null });
  });

  it('join the attributes of all sources', async () => {
    await report({ source: 'jamf', attributes: { threat: 'high', site: 'Oslo' } });
    await report({ source: 'mdm', attributes: { threat: 'low' } });
    expect((await device())?.attributes).toEqual({ threat: 'low', site: 'Oslo' });
  });

  it('of a removal count as not managed, until a later observation', async () => {
    await report({ source: 'jamf', observedAt: 5 });
    await report({ source: 'mdm', observedAt: 8, compliant: true });
    await report({ source: 'mdm', observedAt: 10, managed: undefined, removed: true });
    expect(await device()).toMatchObject({ managed: false, source: 'mdm' });
    expect(await reported('mdm')).toMatchObject({ managed: false, compliant: null, model: 'iPhone15C2' });
    // Nothing in it is new but the time: it ends the removal, and so it is news.
    expect(await report({ source: 'jamf', observedAt: 20 })).toBe('news');
    expect(await device()).toMatchObject({ managed: true, compliant: true, source: 'jamf' });
    await report({ source: 'mdm', observedAt: 30, managed: undefined, removed: true });
    expect(await device()).toMatchObject({ managed: false });
    await handles.store.putDevices([{ key: phone, source: 'mdm', observedAt: 40, compliant: true }]);
    expect(await reported('mdm')).toMatchObject({ managed: null, compliant: true, removed: null });
  });

  it('of a removal by a source that comes later leave what the first one says', async () => {
    await report({ source: 'mdm', observedAt: 5 });
    await report({ source: 'jamf', observedAt: 10, managed: undefined, removed: true });
    expect(await device()).toMatchObject({ managed: true, compliant: true });
  });

  it('remember since when a value is not the good one, whatever it changed between meanwhile', async () => {
    const since = async (): Promise<readonly unknown[]> => {
      const found = await device();
      return [
        found?.managedUnmetSince,
        found?.compliantUnmetSince,
        found?.encryptedUnmetSince,
        found?.compromisedUnmetSince,
        found?.mailProfileUnmetSince,
      ];
    };
    await report({
      observedAt: 10,
      compliant: true,
      encrypted: null,
      compromised: false,
      managedMailProfile: true,
    });
    expect(await since()).toEqual([null, null, 10, null, null]);
    await report({
      observedAt: 20,
      compliant: null,
      encrypted: false,
      compromised: null,
      managedMailProfile: false,
    });
    expect(await since()).toEqual([null, 20, 10, 20, 20]);
    await report({ observedAt: 30, compliant: false, managed: false, compromised: true });
    expect(await since()).toEqual([30, 20, 10, 20, 20]);
    await report({ observedAt: 40, compliant: true, encrypted: true, compromised: false });
    expect(await since()).toEqual([null, null, null, null, 20]);
    await report({ observedAt: 50, compliant: false });
    expect(await since()).toEqual([null, 50, null, null, 20]);
  });

  it('remember when a source first reported the device', async () => {
    await report({ source: 'jamf', observedAt: 20 });
    await report({ source: 'jamf', observedAt: 40 });
    await report({ source: 'mdm', observedAt: 30 });
    expect((await device())?.reportedSince).toBe(20);
    expect((await reported('mdm'))?.reportedSince).toBe(30);
  });

  it('keep a few requirements that a device does not meet, in words that can be shown', async () => {
    const unmetRequirements = ['encryption', ' minimum\r\nOS\u202e', '', 'encryption', 'x'.repeat(500)];
    await report({ observedAt: 1, unmetRequirements: [...unmetRequirements, ...'abcdefghijkl'] });
    const kept = (await device())?.unmetRequirements ?? [];
    expect(kept.slice(0, 4)).toEqual(['encryption', 'minimum OS', 'x'.repeat(64), 'a']);
    expect(kept).toHaveLength(10);
    await report({ observedAt: 2, unmetRequirements: [] });
    expect((await device())?.unmetRequirements).toEqual([]);
  });

  it('keep texts and attributes of limited length', async () => {
    const attributes = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [`name${index}`, 'x'.repeat(999)]),
    );
    await report({ model: 'm'.repeat(9_999), owner: 'half \ud83d', attributes });
    const found = await device();
    expect(found?.model).toBe('m'.repeat(256));
    expect(found?.owner).toBe('half \ufffd');
    expect(Object.values(found?.attributes ?? {})).toEqual(Array.from({ length: 32 }, () => 'x'.repeat(256)));
  });

  it('that come many at once have their outcomes in order', async () => {
    const key = (index: number): DeviceKey => `many${index}` as DeviceKey;
    const many = Array.from({ length: 1_200 }, (_, index) => deviceReport(key(index), { observedAt: 10 }));
    const first = await handles.store.putDevices([...many, deviceReport(key(3), { observedAt: 5 })]);
    expect(first).toEqual([...many.map(() => 'news'), 'older']);
    const again = many.map((one, index) => ({
      ...one,
      observedAt: index === 7 ? 9 : 20,
      compliant: index !== 5,
    }));
    const second = await handles.store.putDevices(again);
    expect(
      second.map((outcome, index) => (outcome === 'stored' ? null : [index, outcome])).filter(Boolean),
    ).toEqual([
      [5, 'news'],
      [7, 'older'],
    ]);
    expect((await handles.other.getDevice(key(5)))?.record?.compliant).toBe(false);
    expect(await allDevices(handles.other)).toHaveLength(1_200);
  });

  it('are listed with all that is stored about a device, once each', async () => {
    const keys = Array.from({ length: 450 }, (_, index) => `d${String(index).padStart(4, '0')}` as DeviceKey);
    await handles.store.putDevices(
      keys.filter((_, index) => index % 3 === 0).map((key) => deviceReport(key)),
    );
    await handles.store.recordSeen(
      keys.filter((_, index) => index % 3 === 1).map((key) => seenPartnership(alice, key, 1)),
    );
    for (const [index, key] of keys.entries())
      if (index % 30 === 2)
        await handles.store.decide(
          { device: key, user: index % 60 === 2 ? alice : null },
          decision('block'),
          BY_TEST,
        );
    const found = await allDevices(handles.other);
    expect(found.map(({ key }) => key)).toEqual(
      keys.filter((_, index) => index % 3 !== 2 || index % 30 === 2),
    );
    expect(found.filter(({ record }) => record !== null)).toHaveLength(150);
    expect(found.filter(({ partnerships }) => partnerships.length === 1)).toHaveLength(150);
    expect(found.filter(({ decided }) => decided.decision !== null)).toHaveLength(7);
    expect(found.filter(({ decidedByUser }) => decidedByUser.size === 1)).toHaveLength(8);
  });
}
