// Owns the contract of all stores, as tests that run on each of them.
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeviceRecord } from '../../src/model/device.ts';
import type { PartnershipRecord } from '../../src/model/partnership.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { AccessDecision, WipeDecision } from '../../src/model/decision.ts';
import { closeAtEnd } from '../support/checks/leaks.ts';

/** Opens handles on one shared directory; `reset` empties it for the next test. */
export interface StoreFixture {
  open(): Promise<DirectoryStore>;
  reset(): Promise<void>;
}

export const alice = 'alice' as UserKey;
export const phone = 'phone1' as DeviceKey;

export function deviceRecord(key: DeviceKey, more: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    key,
    managed: true,
    compliant: true,
    model: 'iPhone15C2',
    os: null,
    encrypted: null,
    compromised: null,
    owner: null,
    lastCheckIn: null,
    source: 'mdm',
    version: 1,
    observedAt: 1,
    unmetRequirements: [],
    stateSince: more.observedAt ?? 1,
    ...more,
  };
}

export function decision(action: AccessDecision['action']): AccessDecision {
  return { action, owner: 'admin', reason: null, decidedAt: 5, expiresAt: null };
}

/** A wipe entry for the partnership of `user`, under all its spellings; the order was not sent yet. */
export function wipeDecision(
  requestedAt: number,
  action: WipeDecision['action'] = 'wipe',
  user: string = alice,
  device: DeviceKey = phone,
): WipeDecision {
  return {
    action,
    owner: 'admin',
    reason: 'stolen',
    decidedAt: requestedAt,
    expiresAt: null,
    wipe: {
      requestedAt,
      partnerships: [{ user, spellings: [device, Buffer.from(device).toString('hex')], toldAt: null }],
      state: 'pending',
      acknowledgedAt: null,
      deviceStatus: null,
      acknowledgedBy: null,
    },
  };
}

function partnership(user: UserKey, device: DeviceKey, seenAt: number): PartnershipRecord {
  return {
    user,
    device,
    firstSeen: seenAt,
    lastSeen: seenAt,
    deviceType: 'iPhone',
    userAgent: 'Apple',
    protocolVersion: '16.1',
    lastVerdict: 'allow',
    lastReason: 'compliant',
    model: null,
    os: null,
    imei: null,
    spellings: [device],
  };
}

export function storeContract(fixture: StoreFixture): void {
  let store: DirectoryStore;
  let other: DirectoryStore;
  beforeEach(async () => {
    await fixture.reset();
    store = closeAtEnd(await fixture.open());
    other = closeAtEnd(await fixture.open());
  });

  const lookedUp = (user: UserKey) => other.lookup(user, phone);
  /** The order was sent to alice's phone. */
  const told = { requestedAt: 100, user: alice, at: 110 } as const;

  describe('records', () => {
    it('generates one secret for all gateways', async () => {
      const secret = await store.sharedSecret();
      expect(secret).toMatch(/^[0-9a-f]{64}$/);
      expect(await store.sharedSecret()).toBe(secret);
    });

    it('returns nothing for a device that was never written', async () => {
      expect(await store.lookup(alice, phone)).toMatchObject({
        user: alice,
        device: null,
        deviceDecision: null,
      });
      expect(await store.getDevice(phone)).toBeNull();
    });

    it('returns a device as it was written, through another handle', async () => {
      const record = deviceRecord(phone, { os: 'iOS 18', lastCheckIn: 7 });
      expect(await store.putDevice(record)).toBe(true);
      expect((await other.lookup(alice, phone)).device).toEqual(record);
      expect(await other.listDevices()).toEqual([{ key: phone, record, decision: null }]);
    });

    it('does not replace a newer observation of a source by an older one', async () => {
      await store.putDevice(deviceRecord(phone, { version: 5, compliant: false }));
      expect(await store.putDevice(deviceRecord(phone, { version: 4 }))).toBe(false);
      expect((await store.lookup(alice, phone)).device?.compliant).toBe(false);
      expect(await store.putDevice(deviceRecord(phone, { version: 1, source: 'other' }))).toBe(true);
    });

    it('keeps the time since which a device has its state when another source repeats the state', async () => {
      const said = async (at: number, more: Partial<DeviceRecord>): Promise<number | undefined> => {
        const { stateSince: _, ...report } = deviceRecord(phone, { version: at, observedAt: at, ...more });
        await store.putDevice(report);
        return (await other.lookup(alice, phone)).device?.stateSince;
      };
      expect(await said(1_764_000_000_001, { compliant: false })).toBe(1_764_000_000_001);
      expect(await said(1_764_000_000_002, { compliant: false, os: 'iOS 18' })).toBe(1_764_000_000_001);
      expect(await said(1_764_000_000_003, { compliant: null, source: 'other' })).toBe(1_764_000_000_001);
      expect(await said(1_764_000_000_004, { compliant: true })).toBe(1_764_000_000_004);
      expect(await said(1_764_000_000_005, { managed: false, compliant: false })).toBe(1_764_000_000_005);
      // Whether it complies no longer matters.
      expect(await said(1_764_000_000_006, { managed: false, compliant: true })).toBe(1_764_000_000_005);
      expect(await said(1_764_000_000_007, { managed: null })).toBe(1_764_000_000_007);
      expect(await said(1_764_000_000_008, { managed: null })).toBe(1_764_000_000_007);
    });

    it('keeps a bounded number of unmet requirements, as printable text', async () => {
      const unmetRequirements = ['encryption', ' minimum\r\nOS\u202e', '', 'encryption', 'x'.repeat(500)];
      await store.putDevice(
        deviceRecord(phone, { unmetRequirements: [...unmetRequirements, ...'abcdefghijkl'] }),
      );
      const kept = (await other.getDevice(phone))?.record?.unmetRequirements ?? [];
      expect(kept.slice(0, 4)).toEqual(['encryption', 'minimum OS', 'x'.repeat(64), 'a']);
      expect(kept).toHaveLength(10);
      await store.putDevice(deviceRecord(phone, { version: 2 }));
      expect((await other.getDevice(phone))?.record?.unmetRequirements).toEqual([]);
    });

    it('returns the partnerships of the device and its device information with a look-up', async () => {
      const smtp = 'alice@example.com' as UserKey;
      await store.putUser({ key: alice, aliases: [smtp], groups: [] });
      expect((await store.lookup(alice, phone)).partnership).toBeNull();
      const told = { model: 'iPhone15C2', os: 'iOS 18.1', imei: '350000000000006' };
      await store.recordSeen([{ ...partnership(alice, phone, 10), ...told }]);
      await store.recordSeen([partnership(smtp, phone, 20)]);
      const expected = { ...partnership(alice, phone, 20), firstSeen: 10, ...told };
      expect((await other.lookup(smtp, phone)).partnership).toEqual(expected);
      expect((await other.listPartnerships())[0]?.record).toEqual(expected);
      expect((await other.lookup('bob' as UserKey, phone)).partnership).toBeNull();
    });

    it('finds the user of an alias, and forgets removed aliases', async () => {
      const smtp = 'alice@example.com' as UserKey;
      await store.putUser({ key: alice, aliases: [smtp], groups: ['sales'] });
      await store.decide(alice, phone, decision('allow'));
      const found = await store.lookup(smtp, phone);
      expect(found.user).toBe(alice);
      expect(found.partnershipDecision?.action).toBe('allow');
      await store.putUser({ key: alice, aliases: [], groups: [] });
      expect((await store.lookup(smtp, phone)).user).toBe(smtp);
      expect((await store.getUser(alice))?.groups).toEqual([]);
    });

    it('keeps decisions on device and partnership apart, and clears them', async () => {
      await store.decide(null, phone, decision('block'));
      await store.decide(alice, phone, decision('allow'));
      const found = await store.lookup(alice, phone);
      expect(found.deviceDecision).toEqual(decision('block'));
      expect(found.partnershipDecision).toEqual(decision('allow'));
      await store.decide(null, phone, null);
      expect((await store.lookup(alice, phone)).deviceDecision).toBeNull();
      expect((await store.lookup(alice, phone)).partnershipDecision).toEqual(decision('allow'));
    });

    it('reports decisions on names that may mean the user separately from those on exactly this user', async () => {
      const [upn, netbios] = ['alice@example.com' as UserKey, 'example\\alice' as UserKey];
      const [other, bob] = ['alice@example.net' as UserKey, 'bob' as UserKey];
      for (const user of [upn, netbios, bob]) await store.decide(user, phone, decision('block'));
      const found = await lookedUp(upn);
      expect(found).toMatchObject({
        partnershipDecision: decision('block'),
        decidedFor: upn,
        namesakeDecisions: [{ user: netbios, decision: decision('block') }],
      });
      expect((await lookedUp(other)).namesakeDecisions.map(({ user }) => user)).toEqual([netbios]);
      expect((await lookedUp(alice)).namesakeDecisions.map(({ user }) => user).sort()).toEqual([
        upn,
        netbios,
      ]);
      expect((await store.listUserDecisions(phone)).map(({ user }) => user).sort()).toEqual([
        upn,
        bob,
        netbios,
      ]);
      await store.decide(netbios, phone, null);
      expect((await lookedUp(other)).namesakeDecisions).toEqual([]);
    });

    it('lists every decision, also on devices and users that were never seen', async () => {
      const other = 'phone2' as DeviceKey;
      await store.putDevice(deviceRecord('phone3' as DeviceKey));
      await store.decide(null, phone, decision('block'));
      await store.decide(alice, phone, decision('allow'));
      await store.decide(alice, other, decision('quarantine'));
      await store.decide(null, other, decision('block'));
      await store.decide(null, other, null);
      const listed = (await store.listDecisions()).map(({ device, user, decision: { action } }) => [
        device,
        user,
        action,
      ]);
      expect(listed.toSorted((a, b) => (String(a) < String(b) ? -1 : 1))).toEqual([
        [phone, null, 'block'],
        [phone, alice, 'allow'],
        [other, alice, 'quarantine'],
      ]);
    });

    it('finds a decision on one name of a user under all its aliases and possible aliases', async () => {
      const smtp = 'a.smith@example.com' as UserKey;
      await store.decide(smtp, phone, decision('quarantine'));
      await store.putUser({ key: alice, aliases: [smtp], groups: [] });
      expect(await lookedUp(alice)).toMatchObject({
        partnershipDecision: decision('quarantine'),
        decidedFor: smtp,
      });
      expect((await lookedUp('example\\a.smith' as UserKey)).namesakeDecisions).toHaveLength(1);
      await store.decide(alice, phone, decision('block'));
      const found = await lookedUp(smtp);
      expect(found.partnershipDecision?.action).toBe('block');
      expect(found.exactDecisions).toHaveLength(2);
      expect((await lookedUp('example\\a.smith' as UserKey)).namesakeDecisions).toHaveLength(2);
    });

    it('keeps the spellings of the device id that a phone used, and reports a new one', async () => {
      const hex = '70686f6e6531';
      expect(await store.recordSeen([partnership(alice, phone, 10)])).toEqual([]);
      expect(await other.recordSeen([partnership(alice, phone, 20)])).toEqual([]);
      expect(await other.recordSeen([{ ...partnership(alice, phone, 30), spellings: [hex] }])).toEqual([
        { user: alice, device: phone, spellings: [phone, hex] },
      ]);
      expect(await store.recordSeen([{ ...partnership(alice, phone, 40), spellings: [hex] }])).toEqual([]);
      expect((await store.lookup(alice, phone)).partnership?.spellings).toEqual([phone, hex]);
      const many = Array.from({ length: 20 }, (_, index) => `spelling${index}`);
      await store.recordSeen([{ ...partnership(alice, phone, 50), spellings: many }]);
      expect((await store.lookup(alice, phone)).partnership?.spellings).toEqual([
        phone,
        hex,
        ...many.slice(0, 6),
      ]);
    });

    it('does not confuse names that contain separators', async () => {
      const odd = 'a:b' as UserKey;
      await store.decide(odd, phone, decision('block'));
      expect((await store.lookup('a' as UserKey, phone)).partnershipDecision).toBeNull();
      expect((await store.lookup(odd, phone)).partnershipDecision?.action).toBe('block');
    });

    it('records partnerships and keeps the time they were first seen', async () => {
      await store.recordSeen([partnership(alice, phone, 10)]);
      await store.recordSeen([partnership(alice, phone, 20)]);
      expect((await other.listPartnerships())[0]?.record).toMatchObject({
        firstSeen: 10,
        lastSeen: 20,
        user: alice,
      });
    });
  });

  describe('a wipe', () => {
    const done = { requestedAt: 100, user: alice, status: 1, at: 200 } as const;
    const failed = { requestedAt: 100, user: alice, status: 2, at: 150 } as const;
    /** The entry after the order was sent. */
    const {
      partnerships: [named],
    } = wipeDecision(100).wipe;
    const sent = { partnerships: [{ ...named, toldAt: 110 }] };
    const stored = async () => (await other.lookup(alice, phone)).deviceDecision;

    it('is read back as it was written', async () => {
      await store.decide(null, phone, wipeDecision(100));
      expect(await stored()).toEqual(wipeDecision(100));
    });

    it('is acknowledged once, with an entry in the change log', async () => {
      await store.decide(null, phone, wipeDecision(100));
      await other.noteWipeTold(null, phone, told);
      const before = await store.position();
      expect(await store.acknowledgeWipe(null, phone, done)).toBe(true);
      const answer = { state: 'acknowledged', acknowledgedAt: 200, deviceStatus: 1, acknowledgedBy: alice };
      expect(await stored()).toEqual({
        ...wipeDecision(100),
        wipe: { requestedAt: 100, ...sent, ...answer },
      });
      expect((await other.changesAfter(before)).changes).toEqual([{ device: phone, user: null }]);
      const after = await store.position();
      expect(await store.acknowledgeWipe(null, phone, { ...done, at: 300 })).toBe(false);
      expect(await store.acknowledgeWipe(null, phone, failed)).toBe(false);
      expect(await stored()).toMatchObject({ wipe: { state: 'acknowledged', acknowledgedAt: 200 } });
      expect(await store.position()).toBe(after);
    });

    it('accepts an answer only from a partnership that it names and to which it was sent', async () => {
      await store.decide(null, phone, wipeDecision(100));
      const position = await store.position();
      expect(await store.acknowledgeWipe(null, phone, done)).toBe(false);
      expect(await store.noteWipeTold(null, phone, { ...told, user: 'bob' })).toBe(false);
      expect(await store.noteWipeTold(null, phone, { ...told, requestedAt: 99 })).toBe(false);
      expect(await store.noteWipeTold(null, phone, told)).toBe(true);
      expect(await other.noteWipeTold(null, phone, { ...told, at: 120 })).toBe(true);
      expect(await stored()).toEqual({ ...wipeDecision(100), wipe: { ...wipeDecision(100).wipe, ...sent } });
      // It changes no verdict.
      expect(await store.position()).toBe(position);
      expect(await store.acknowledgeWipe(null, phone, { ...done, user: 'bob' })).toBe(false);
      expect(await other.acknowledgeWipe(null, phone, done)).toBe(true);
      expect(await store.noteWipeTold(null, phone, told)).toBe(false);
    });

    it('that failed is recorded, and may be acknowledged later', async () => {
      await store.decide(null, phone, wipeDecision(100));
      await store.noteWipeTold(null, phone, told);
      expect(await store.acknowledgeWipe(null, phone, failed)).toBe(true);
      expect(await stored()).toMatchObject({
        wipe: { state: 'failed', acknowledgedAt: 150, deviceStatus: 2 },
      });
      expect(await store.acknowledgeWipe(null, phone, done)).toBe(true);
      expect(await stored()).toMatchObject({ wipe: { state: 'acknowledged', deviceStatus: 1 } });
    });

    it('that was cancelled is not restored by an answer', async () => {
      await store.decide(null, phone, wipeDecision(100));
      await store.decide(null, phone, null);
      const position = await store.position();
      expect(await store.acknowledgeWipe(null, phone, done)).toBe(false);
      expect(await stored()).toBeNull();
      expect(await store.position()).toBe(position);
    });

    it.each([
      ['an allow', decision('allow')],
      ['another wipe', wipeDecision(101)],
    ])('that was replaced by %s is not acknowledged', async (_what, next) => {
      await store.decide(null, phone, wipeDecision(100));
      await store.decide(null, phone, next);
      expect(await store.acknowledgeWipe(null, phone, done)).toBe(false);
      expect(await stored()).toEqual(next);
    });

    it('of a partnership is found under any alias of the user, and acknowledged for this user only', async () => {
      const smtp = 'alice@example.com' as UserKey;
      await store.putUser({ key: alice, aliases: [smtp], groups: [] });
      await store.decide(alice, phone, wipeDecision(100, 'accountWipe'));
      await store.decide(null, phone, wipeDecision(100));
      const [entry] = wipeDecision(100).wipe.partnerships;
      expect(await store.lookup(smtp, phone)).toMatchObject({
        decidedFor: alice,
        partnershipWipe: entry,
        deviceWipe: entry,
      });
      expect(await store.lookup('bob' as UserKey, phone)).toMatchObject({
        partnershipWipe: null,
        deviceWipe: null,
      });
      await store.noteWipeTold(alice, phone, told);
      expect(await store.acknowledgeWipe('bob' as UserKey, phone, done)).toBe(false);
      expect(await store.acknowledgeWipe(alice, phone, done)).toBe(true);
      const found = await other.lookup(alice, phone);
      expect(found.partnershipDecision).toMatchObject({
        action: 'accountWipe',
        wipe: { state: 'acknowledged' },
      });
      expect(found.deviceDecision).toEqual(wipeDecision(100));
    });

    it('is acknowledged by only one of several simultaneous answers', async () => {
      await store.decide(null, phone, wipeDecision(100));
      await Promise.all([store, other].map((handle) => handle.noteWipeTold(null, phone, told)));
      const said = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          (index % 2 === 0 ? store : other).acknowledgeWipe(null, phone, { ...done, at: 200 + index }),
        ),
      );
      expect(said.filter(Boolean)).toHaveLength(1);
    });
  });

  describe('a decision replaced under a condition', () => {
    it('replaces the expected decision', async () => {
      expect(await store.replaceDecision(alice, phone, null, decision('block'))).toBe(true);
      expect(await store.replaceDecision(alice, phone, decision('block'), wipeDecision(1))).toBe(true);
      expect((await other.lookup(alice, phone)).partnershipDecision).toEqual(wipeDecision(1));
      const before = await store.position();
      expect(await store.replaceDecision(alice, phone, wipeDecision(1), null)).toBe(true);
      expect((await other.lookup(alice, phone)).partnershipDecision).toBeNull();
      expect((await other.changesAfter(before)).changes).toEqual([{ device: phone, user: alice }]);
    });

    it('is not replaced when it has changed meanwhile', async () => {
      await store.decide(null, phone, wipeDecision(100));
      await store.noteWipeTold(null, phone, told);
      await store.acknowledgeWipe(null, phone, { requestedAt: 100, user: alice, status: 1, at: 200 });
      const position = await store.position();
      expect(await other.replaceDecision(null, phone, wipeDecision(100), null)).toBe(false);
      expect(await other.replaceDecision(null, phone, null, decision('allow'))).toBe(false);
      expect((await store.lookup(alice, phone)).deviceDecision).toMatchObject({
        wipe: { state: 'acknowledged' },
      });
      expect(await store.position()).toBe(position);
    });
  });

  describe('change log', () => {
    it('reports changes to another handle, from the position it last read', async () => {
      const position = await other.position();
      await store.decide(null, phone, decision('block'));
      await store.putUser({ key: alice, aliases: [], groups: [] });
      const seen = [];
      let at = position;
      while (seen.length < 2) {
        const batch = await other.changesAfter(at);
        expect(batch.trimmed).toBe(false);
        seen.push(...batch.changes);
        at = batch.position;
      }
      expect(seen).toEqual([
        { device: phone, user: null },
        { device: null, user: alice },
      ]);
    });

    it('wakes a reader that waits', async () => {
      const waiting = other.changesAfter(await other.position());
      await store.decide(alice, phone, decision('block'));
      expect((await waiting).changes).toEqual([{ device: phone, user: alice }]);
    });

    it('gives a look-up the position of the last change it includes', async () => {
      const before = await store.lookup(alice, phone);
      await store.decide(null, phone, decision('block'));
      const after = await store.lookup(alice, phone);
      expect(store.isBefore(before.position, after.position)).toBe(true);
      expect(after.position).toBe(await store.position());
    });

    it('appends nothing for a report without news, but stores it', async () => {
      const facts = { compliant: false, unmetRequirements: ['encryption'] };
      await store.putDevice(deviceRecord(phone, { ...facts, version: 1 }));
      const before = await store.position();
      expect(await store.putDevice(deviceRecord(phone, { ...facts, version: 2, lastCheckIn: 9 }))).toBe(true);
      expect(await store.position()).toBe(before);
      expect((await store.getDevice(phone))?.record).toMatchObject({ version: 2, lastCheckIn: 9 });
    });

    it.each([
      { managed: false },
      { compliant: null },
      { encrypted: true },
      { compromised: false },
      { model: 'SM-G991B' },
      { unmetRequirements: ['minimumOs'] },
      { unmetRequirements: ['minimumOs', 'encryption'] },
      { unmetRequirements: [] },
    ])('appends a report with news: %o', async (news) => {
      const facts = { compliant: false, unmetRequirements: ['encryption', 'minimumOs'] };
      await store.putDevice(deviceRecord(phone, { ...facts, version: 1 }));
      const before = await store.position();
      await store.putDevice(deviceRecord(phone, { ...facts, ...news, version: 2 }));
      expect((await other.changesAfter(before)).changes).toEqual([{ device: phone, user: null }]);
    });

    it('appends nothing when a partnership is seen', async () => {
      const before = await store.position();
      await store.recordSeen([partnership(alice, phone, 10)]);
      expect(await store.position()).toBe(before);
    });
  });
}
