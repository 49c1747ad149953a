// Owns what every store promises of records that are not understood: each concerns its device or user only, is named, and is
// overwritten by the next write.
import { expect, it } from 'vitest';
import type { DeviceKey } from '../../../src/identity/keys.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  phone,
  seenPartnership,
  userReport,
} from '../../support/servers/directory-records.ts';
import type { StoreFixture, StoredRecord } from './fixture.ts';
import { allDevices, allUsers, bob, twoHandles } from './handles.ts';

const NONSENSE = [
  'nonsense',
  '',
  '[',
  '7',
  'null',
  '{"action":7,"managed":7,"enabled":7}',
  '{"action":"explode","managed":"yes","enabled":"no"}',
  '["x",[],true]',
];

export function unreadableContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);
  const other = 'phone2' as DeviceKey;

  const records: readonly (readonly [string, StoredRecord, () => Promise<unknown>])[] = [
    [
      'a report on a device',
      { kind: 'deviceReport', device: phone, source: 'mdm' },
      () => handles.store.putDevices([deviceReport(phone)]),
    ],
    [
      'a report on a user',
      { kind: 'userReport', user: alice, source: 'ad' },
      () => handles.store.putUsers([userReport(alice)]),
    ],
    [
      'a decision on a device',
      { kind: 'decision', device: phone, user: null },
      () => handles.store.decide({ device: phone, user: null }, decision('allow'), BY_TEST),
    ],
    [
      'a decision on a partnership',
      { kind: 'decision', device: phone, user: alice },
      () => handles.store.replaceDecision({ device: phone, user: alice }, null, decision('allow'), BY_TEST),
    ],
    [
      'a decision on a user',
      { kind: 'decision', device: null, user: alice },
      () => handles.store.decide({ device: null, user: alice }, null, BY_TEST),
    ],
    [
      'an imported decision',
      { kind: 'imported', source: 'exchange', device: phone, user: alice },
      () =>
        handles.store.putImported('exchange', [{ device: phone, user: alice, decision: decision('allow') }]),
    ],
  ];

  it.each(records)('%s makes the look-up say so, and is overwritten', async (_what, record, overwrite) => {
    for (const text of NONSENSE) {
      await fixture.writeText(record, text);
      const { unreadable = [] } = await handles.store.lookup(alice, phone);
      expect(unreadable).toHaveLength(1);
      expect(await handles.store.unreadable()).toEqual(unreadable);
      const elsewhere =
        record.kind === 'userReport' || (record.kind === 'decision' && record.device === null)
          ? await handles.store.lookup(bob, phone)
          : await handles.store.lookup(alice, other);
      expect(elsewhere.unreadable).toBeUndefined();
    }
    await overwrite();
    expect((await handles.store.lookup(alice, phone)).unreadable).toBeUndefined();
    expect(await handles.store.unreadable()).toEqual([]);
  });

  it('a partnership counts as never seen, decides nothing and is overwritten', async () => {
    await fixture.writeText({ kind: 'partnership', device: phone, user: alice }, 'nonsense');
    expect(await handles.store.lookup(alice, phone)).toMatchObject({ partnership: null });
    expect((await handles.store.lookup(alice, phone)).unreadable).toBeUndefined();
    expect(await handles.store.unreadable()).toHaveLength(1);
    await handles.store.recordSeen([seenPartnership(alice, phone, 7)]);
    expect((await handles.store.lookup(alice, phone)).partnership?.firstSeen).toBe(7);
    expect(await handles.store.unreadable()).toEqual([]);
  });

  it('leave the others in lists', async () => {
    await handles.store.putDevices([
      deviceReport(other),
      deviceReport(phone, { source: 'jamf', encrypted: true }),
    ]);
    await handles.store.putUsers([userReport(bob), userReport(alice, { source: 'entra', enabled: false })]);
    await fixture.writeText({ kind: 'deviceReport', device: phone, source: 'mdm' }, 'nonsense');
    await fixture.writeText({ kind: 'userReport', user: alice, source: 'ad' }, 'nonsense');
    const devices = await allDevices(handles.other);
    expect(devices).toMatchObject([
      { key: phone, record: { encrypted: true }, unreadable: [expect.stringContaining(phone)] },
      { key: other, record: { managed: true } },
    ]);
    expect(devices[1]?.unreadable).toBeUndefined();
    expect(await allUsers(handles.other)).toMatchObject([
      { key: alice, record: { enabled: false }, unreadable: [expect.stringContaining(alice)] },
      { key: bob },
    ]);
  });

  it('of nobody end with the next report of any source', async () => {
    await fixture.writeText({ kind: 'deviceReport', device: phone, source: 'unknown' }, 'nonsense');
    expect((await handles.store.lookup(alice, phone)).unreadable).toHaveLength(1);
    const before = await handles.store.position();
    await handles.store.putDevices([deviceReport(phone)]);
    expect((await handles.store.lookup(alice, phone)).unreadable).toBeUndefined();
    expect(await handles.store.position()).not.toBe(before);
  });

  it('are not what other tools write: objects with the names of the fields', async () => {
    const text = JSON.stringify({ managed: true, compliant: false, observedAt: 5, later: 'unknown field' });
    await fixture.writeText({ kind: 'deviceReport', device: phone, source: 'script' }, text);
    expect((await handles.store.lookup(alice, phone)).device).toMatchObject({
      managed: true,
      compliant: false,
      encrypted: null,
      source: 'script',
    });
    const [first] = await handles.store.putDevices([
      { key: phone, source: 'script', observedAt: 9, compliant: false },
    ]);
    expect(first).toBe('news');
    // Since when it is not compliant was not written: the observation counts.
    expect((await handles.store.lookup(alice, phone)).device).toMatchObject({
      reportedSince: 5,
      compliantUnmetSince: 5,
      encryptedUnmetSince: 5,
    });
  });
}
