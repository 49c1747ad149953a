// Owns what every store promises of wipes: each is carried out once at most, by whom it names.
import { expect, it } from 'vitest';
import type { UserKey } from '../../../src/identity/keys.ts';
import {
  BY_TEST,
  alice,
  decision,
  phone,
  userReport,
  wipeDecision,
} from '../../support/servers/directory-records.ts';
import type { StoreFixture } from './fixture.ts';
import { bob, nextChanges, twoHandles } from './handles.ts';

const onDevice = { device: phone, user: null };
const onPartnership = { device: phone, user: alice };
/** The order was sent to alice's phone. */
const told = { requestedAt: 100, user: alice, at: 110 } as const;
const done = { requestedAt: 100, user: alice, status: 1, at: 200 } as const;
const failed = { requestedAt: 100, user: alice, status: 2, at: 150 } as const;

export function wipeContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);
  /** As it is once the order was sent. */
  const [named] = wipeDecision(100).wipe.partnerships;
  const sent = { partnerships: [{ ...named, toldAt: 110 }] };
  const stored = async () => (await handles.other.lookup(alice, phone)).deviceDecision;

  it('comes back as it was ordered', async () => {
    await handles.store.decide(onDevice, wipeDecision(100), BY_TEST);
    expect(await stored()).toEqual(wipeDecision(100));
  });

  it('is acknowledged once, with a change and an entry of the history', async () => {
    const { store, other } = handles;
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    await other.noteWipeTold(null, phone, told);
    const before = await store.position();
    expect(await store.acknowledgeWipe(null, phone, done)).toBe(true);
    const answer = { state: 'acknowledged', acknowledgedAt: 200, deviceStatus: 1, acknowledgedBy: alice };
    expect(await stored()).toEqual({ ...wipeDecision(100), wipe: { requestedAt: 100, ...sent, ...answer } });
    expect(await nextChanges(other, before, 1)).toEqual([{ device: phone, user: null }]);
    expect((await other.getDevice(phone))?.decided.history).toMatchObject([
      { via: 'test', before: null, after: 'wipe' },
      { at: 200, by: alice, via: 'device', before: 'wipe', after: 'wipe' },
    ]);
    const after = await store.position();
    expect(await store.acknowledgeWipe(null, phone, { ...done, at: 300 })).toBe(false);
    expect(await store.acknowledgeWipe(null, phone, failed)).toBe(false);
    expect(await stored()).toMatchObject({ wipe: { state: 'acknowledged', acknowledgedAt: 200 } });
    expect(await store.position()).toBe(after);
  });

  it('counts an answer only from a partnership that it names, and to which it was sent', async () => {
    const { store, other } = handles;
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    const position = await store.position();
    expect(await store.acknowledgeWipe(null, phone, done)).toBe(false);
    expect(await store.noteWipeTold(null, phone, { ...told, user: 'bob' })).toBe(false);
    expect(await store.noteWipeTold(null, phone, { ...told, requestedAt: 99 })).toBe(false);
    expect(await store.noteWipeTold(null, phone, told)).toBe(true);
    expect(await other.noteWipeTold(null, phone, { ...told, at: 120 })).toBe(true);
    expect(await stored()).toEqual({ ...wipeDecision(100), wipe: { ...wipeDecision(100).wipe, ...sent } });
    // No verdict changes by it.
    expect(await store.position()).toBe(position);
    expect(await store.acknowledgeWipe(null, phone, { ...done, user: 'bob' })).toBe(false);
    expect(await other.acknowledgeWipe(null, phone, done)).toBe(true);
    expect(await store.noteWipeTold(null, phone, told)).toBe(false);
  });

  it('that failed is recorded, and may be acknowledged later', async () => {
    const { store } = handles;
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    await store.noteWipeTold(null, phone, told);
    expect(await store.acknowledgeWipe(null, phone, failed)).toBe(true);
    expect(await stored()).toMatchObject({ wipe: { state: 'failed', acknowledgedAt: 150, deviceStatus: 2 } });
    expect(await store.acknowledgeWipe(null, phone, done)).toBe(true);
    expect(await stored()).toMatchObject({ wipe: { state: 'acknowledged', deviceStatus: 1 } });
  });

  it('that was cancelled does not come back', async () => {
    const { store } = handles;
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    await store.noteWipeTold(null, phone, told);
    await store.decide(onDevice, null, BY_TEST);
    const position = await store.position();
    expect(await store.acknowledgeWipe(null, phone, done)).toBe(false);
    expect(await stored()).toBeNull();
    expect(await store.position()).toBe(position);
  });

  it.each([
    ['an allow', decision('allow')],
    ['another wipe', wipeDecision(101)],
  ])('that was replaced by %s is not acknowledged', async (_what, next) => {
    await handles.store.decide(onDevice, wipeDecision(100), BY_TEST);
    await handles.store.noteWipeTold(null, phone, told);
    await handles.store.decide(onDevice, next, BY_TEST);
    expect(await handles.store.acknowledgeWipe(null, phone, done)).toBe(false);
    expect(await stored()).toEqual(next);
  });

  it('of a partnership is found under any alias of the user, and acknowledged for this user alone', async () => {
    const { store, other } = handles;
    const smtp = 'a.smith@example.com' as UserKey;
    await store.putUsers([userReport(alice, { aliases: [smtp] })]);
    await store.decide(onPartnership, wipeDecision(100, 'accountWipe'), BY_TEST);
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    const [entry] = wipeDecision(100).wipe.partnerships;
    expect(await store.lookup(smtp, phone)).toMatchObject({
      decidedFor: alice,
      partnershipWipe: entry,
      deviceWipe: entry,
    });
    expect(await store.lookup(bob, phone)).toMatchObject({ partnershipWipe: null, deviceWipe: null });
    await store.noteWipeTold(alice, phone, told);
    expect(await store.acknowledgeWipe(bob, phone, done)).toBe(false);
    expect(await store.acknowledgeWipe(alice, phone, done)).toBe(true);
    const found = await other.lookup(alice, phone);
    expect(found.partnershipDecision).toMatchObject({
      action: 'accountWipe',
      wipe: { state: 'acknowledged' },
    });
    expect(found.deviceDecision).toEqual(wipeDecision(100));
  });

  it('is acknowledged by one of many that say so at once', async () => {
    const { store, other } = handles;
    await store.decide(onDevice, wipeDecision(100), BY_TEST);
    await Promise.all([store, other].map((handle) => handle.noteWipeTold(null, phone, told)));
    const said = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        (index % 2 === 0 ? store : other).acknowledgeWipe(null, phone, { ...done, at: 200 + index }),
      ),
    );
    expect(said.filter(Boolean)).toHaveLength(1);
  });

  it('that another tool wrote without the epoch of the store, or with another one, is suspended', async () => {
    const { wipe, ...rest } = wipeDecision(100);
    for (const epoch of [undefined, 0, 77]) {
      const text = JSON.stringify([{ ...rest, wipe: { ...wipe, epoch } }]);
      await fixture.writeText({ kind: 'decision', ...onDevice }, text);
      expect(await stored()).toMatchObject({ action: 'wipe', wipe: { state: 'pending', suspended: true } });
      // What is written beside it does not order it again.
      await handles.store.noteWipeTold(null, phone, told);
      expect(await stored()).toMatchObject({ wipe: { suspended: true } });
    }
  });
}
