// Owns what every store promises; run on each of them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceRecord, PartnershipRecord } from '../../src/directory/records.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { ManualDecision } from '../../src/policy/model.ts';

/** Opens handles on one and the same directory; `reset` gives the next test an empty one. */
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
    ...more,
  };
}

export function decision(action: ManualDecision['action']): ManualDecision {
  return { action, owner: 'admin', reason: null, decidedAt: 5, expiresAt: null };
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
  };
}

export function storeContract(fixture: StoreFixture): void {
  let store: DirectoryStore;
  let other: DirectoryStore;
  beforeEach(async () => {
    await fixture.reset();
    store = await fixture.open();
    other = await fixture.open();
  });
  afterEach(async () => {
    await store.close();
    await other.close();
  });

  describe('records', () => {
    it('knows nothing of a device that nobody wrote', async () => {
      expect(await store.lookup(alice, [phone])).toMatchObject({
        user: alice,
        device: null,
        deviceDecision: null,
      });
      expect(await store.getDevice(phone)).toBeNull();
    });

    it('returns a device as it was written, through another handle', async () => {
      const record = deviceRecord(phone, { os: 'iOS 18', lastCheckIn: 7 });
      expect(await store.putDevice(record)).toBe(true);
      expect((await other.lookup(alice, [phone])).device).toEqual(record);
      expect(await other.listDevices()).toEqual([{ key: phone, record, decision: null }]);
    });

    it('keeps a newer observation of a source against an older one', async () => {
      await store.putDevice(deviceRecord(phone, { version: 5, compliant: false }));
      expect(await store.putDevice(deviceRecord(phone, { version: 4 }))).toBe(false);
      expect((await store.lookup(alice, [phone])).device?.compliant).toBe(false);
      expect(await store.putDevice(deviceRecord(phone, { version: 1, source: 'other' }))).toBe(true);
    });

    it('finds the user behind an alias, and forgets aliases that were taken away', async () => {
      const smtp = 'alice@example.com' as UserKey;
      await store.putUser({ key: alice, aliases: [smtp], groups: ['sales'] });
      await store.decide(alice, phone, decision('allow'));
      const found = await store.lookup(smtp, [phone]);
      expect(found.user).toBe(alice);
      expect(found.partnershipDecision?.action).toBe('allow');
      await store.putUser({ key: alice, aliases: [], groups: [] });
      expect((await store.lookup(smtp, [phone])).user).toBe(smtp);
      expect((await store.getUser(alice))?.groups).toEqual([]);
    });

    it('keeps decisions on device and partnership apart, and clears them', async () => {
      await store.decide(null, phone, decision('block'));
      await store.decide(alice, phone, decision('allow'));
      const found = await store.lookup(alice, [phone]);
      expect(found.deviceDecision).toEqual(decision('block'));
      expect(found.partnershipDecision).toEqual(decision('allow'));
      await store.decide(null, phone, null);
      expect((await store.lookup(alice, [phone])).deviceDecision).toBeNull();
      expect((await store.lookup(alice, [phone])).partnershipDecision).toEqual(decision('allow'));
    });

    it('reports decisions under other spellings of the id', async () => {
      const hex = '70686f6e6531' as DeviceKey;
      await store.decide(null, hex, decision('block'));
      expect((await store.lookup(alice, [phone, hex])).aliasDecisions).toEqual([
        { alias: hex, decision: decision('block') },
      ]);
    });

    it('keeps names with separators apart', async () => {
      const odd = 'a:b' as UserKey;
      await store.decide(odd, phone, decision('block'));
      expect((await store.lookup('a' as UserKey, [phone])).partnershipDecision).toBeNull();
      expect((await store.lookup(odd, [phone])).partnershipDecision?.action).toBe('block');
    });

    it('records partnerships and keeps when they were first seen', async () => {
      await store.recordSeen([partnership(alice, phone, 10)]);
      await store.recordSeen([partnership(alice, phone, 20)]);
      expect((await other.listPartnerships())[0]?.record).toMatchObject({
        firstSeen: 10,
        lastSeen: 20,
        user: alice,
      });
    });
  });

  describe('change log', () => {
    it('tells another handle of a change within a second, from the place it last read', async () => {
      const position = await other.position();
      await store.decide(null, phone, decision('block'));
      await store.putUser({ key: alice, aliases: [], groups: [] });
      const started = Date.now();
      const seen = [];
      let at = position;
      while (seen.length < 2) {
        const batch = await other.changesAfter(at);
        expect(batch.trimmed).toBe(false);
        seen.push(...batch.changes);
        at = batch.position;
      }
      expect(Date.now() - started).toBeLessThan(1_000);
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

    it('places a look-up behind the changes it has seen', async () => {
      const before = await store.lookup(alice, [phone]);
      await store.decide(null, phone, decision('block'));
      const after = await store.lookup(alice, [phone]);
      expect(store.isBefore(before.position, after.position)).toBe(true);
      expect(after.position).toBe(await store.position());
    });

    it('appends nothing for a partnership that was seen', async () => {
      const before = await store.position();
      await store.recordSeen([partnership(alice, phone, 10)]);
      expect(await store.position()).toBe(before);
    });
  });
}
