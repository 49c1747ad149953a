// Owns the promises of the verdict cache: freshness, the race between a read and a change, outage, bounds.
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import type {
  ChangeBatch,
  DirectoryStore,
  LogPosition,
  LookupResult,
  Pair,
} from '../../src/directory/store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { ChangedKeys, VerdictCacheOptions } from '../../src/directory/verdict-cache.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import { until } from '../support/checks/until.ts';
import { compileSimplePolicy } from '../../src/policy/compile/simple-policy.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  partnershipsOf,
  phone,
  userReport,
  wipeDecision,
  seenPartnership,
} from '../support/servers/directory-records.ts';

const options: VerdictCacheOptions = {
  maxEntries: 100,
  maxUnknownEntries: 10,
  lifetimeMs: 60_000,
  unknownLifetimeMs: 10_000,
  maxConcurrentLookups: 4,
  lookupTimeoutMs: 200,
  staleAllowedMs: 900_000,
  staleBlockedMs: 900_000,
  onLookupError: () => undefined,
};
const policy = compileSimplePolicy({});

/** A store whose look-ups a test can count, hold back, and break. */
class SlowStore {
  lookups = 0;
  /** Look-ups under way, and the highest number so far. */
  underWay = 0;
  most = 0;
  broken = false;
  brokenFor: DeviceKey | null = null;
  gate: Promise<void> | null = null;
  readonly store: DirectoryStore;

  constructor(inner: DirectoryStore) {
    const lookup = async (user: UserKey, device: DeviceKey): Promise<LookupResult> => {
      this.lookups++;
      if (this.broken || device === this.brokenFor) throw new Error('away');
      this.most = Math.max(this.most, ++this.underWay);
      const { gate } = this;
      const result = await inner.lookup(user, device);
      if (gate !== null) await gate;
      this.underWay--;
      return result;
    };
    this.store = Object.create(inner, {
      lookup: { value: lookup },
      lookups: { value: (pairs: readonly Pair[]) => pairs.map(({ user, device }) => lookup(user, device)) },
    }) as DirectoryStore;
  }
}

async function setUp(more: Partial<VerdictCacheOptions> = {}) {
  const inner = new EmbeddedStore(':memory:');
  const slow = new SlowStore(inner);
  const clock = { now: 1_000_000 };
  const cache = new VerdictCache(slow.store, policy, { ...options, ...more }, () => clock.now);
  await cache.start();
  const changes: ChangedKeys[] = [];
  cache.onChange((changed) => changes.push(changed));
  onTestFinished(() => inner.close());
  onTestFinished(() => cache.stop());
  return { inner, slow, cache, clock, changes };
}

describe('the verdict cache', () => {
  it('returns the same object for a phone until a change, then another one', async () => {
    const { inner, cache, clock, changes } = await setUp();
    await inner.putDevices([deviceReport(phone)]);
    const first = (await cache.decide(alice, phone)).verdict;
    expect((await cache.decide('bob' as UserKey, phone)).verdict).not.toBe(first);
    clock.now += options.lifetimeMs;
    expect(cache.peek(alice, phone)).toBeUndefined();
    expect((await cache.decide(alice, phone)).verdict).toBe(first);
    expect(cache.peek(alice, phone)).toBe(first);
    await inner.putDevices([deviceReport(phone, { version: 2, compliant: false })]);
    await inner.putDevices([deviceReport(phone, { version: 3 })]);
    await until(() => cache.peek(alice, phone) === undefined && changes.length > 0, 'the change');
    const after = (await cache.decide(alice, phone)).verdict;
    expect(after).toEqual(first);
    expect(after).not.toBe(first);
  });

  it('a phone may show the quarantine mailbox unless its last request and all verdicts since were allowed', async () => {
    const { inner, cache, changes } = await setUp();
    const heard = async (version: number, compliant: boolean): Promise<void> => {
      const before = changes.length;
      await inner.putDevices([deviceReport(phone, { version, compliant })]);
      await until(() => changes.length > before, 'the change');
    };
    expect(cache.mayShowMailbox(alice, phone)).toBe(true);
    await heard(1, true);
    await cache.decide(alice, phone);
    expect(cache.mayShowMailbox(alice, phone)).toBe(false);
    // What another gateway served meanwhile may not be in the directory yet.
    await heard(2, false);
    await heard(3, true);
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    expect(cache.mayShowMailbox(alice, phone)).toBe(true);
  });

  it.each([
    ['allow', false],
    ['quarantine', true],
    ['block', true],
  ])(
    'a phone whose last recorded verdict was %s may show the quarantine mailbox: %s',
    async (lastVerdict, may) => {
      const { inner, cache } = await setUp();
      await inner.putDevices([deviceReport(phone)]);
      await inner.recordSeen([seenPartnership(alice, phone, 1, { lastVerdict })]);
      expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
      expect(cache.mayShowMailbox(alice, phone)).toBe(may);
    },
  );

  it('misses first, then hits synchronously', async () => {
    const { inner, slow, cache } = await setUp();
    await inner.putDevices([deviceReport(phone)]);
    expect(cache.peek(alice, phone)).toBeUndefined();
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    expect(cache.peek(alice, phone)?.action).toBe('allow');
    expect(slow.lookups).toBe(1);
  });

  it('looks a key up once for all simultaneous requests', async () => {
    const { slow, cache } = await setUp();
    await Promise.all(Array.from({ length: 50 }, () => cache.decide(alice, phone)));
    expect(slow.lookups).toBe(1);
  });

  it('drops entries after their lifetime, unknown devices sooner', async () => {
    const { inner, cache, clock } = await setUp();
    await inner.putDevices([deviceReport(phone)]);
    const stranger = 'stranger' as DeviceKey;
    await cache.decide(alice, phone);
    await cache.decide(alice, stranger);
    clock.now += 11_000;
    expect(cache.peek(alice, phone)).toBeDefined();
    expect(cache.peek(alice, stranger)).toBeUndefined();
    clock.now += 60_000;
    expect(cache.peek(alice, phone)).toBeUndefined();
  });

  it('drops changed entries, under every name of their users, and notifies its listeners', async () => {
    const { inner, cache, changes } = await setUp();
    const upn = 'alice@example.com' as UserKey;
    await cache.decide(alice, phone);
    await cache.decide(upn, phone);
    await inner.decide({ user: 'example\\alice' as UserKey, device: phone }, decision('block'), BY_TEST);
    await until(() => changes.length === 1);
    expect(cache.peek(alice, phone)).toBeUndefined();
    expect(cache.peek(upn, phone)).toBeUndefined();
    expect(changes[0]?.devices.has(phone)).toBe(true);
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('block');
  });

  it('drops the entries of a user that changed, also those reached by an alias', async () => {
    const { inner, cache, changes } = await setUp();
    const smtp = 'alice@example.com' as UserKey;
    await inner.putUsers([userReport(alice, { aliases: [smtp], groups: [] })]);
    await until(() => changes.length > 0);
    await cache.decide(smtp, phone);
    const before = changes.length;
    await inner.putUsers([userReport(alice, { aliases: [smtp], groups: ['sales'] })]);
    await until(() => changes.length > before);
    expect(cache.peek(smtp, phone)).toBeUndefined();
  });

  it('drops entries whose user may be the changed one, and names the local parts', async () => {
    const { inner, cache, changes } = await setUp();
    const login = 'example\\a.smith' as UserKey;
    await inner.decide({ user: alice, device: phone }, decision('block'), BY_TEST);
    expect((await cache.decide(login, phone)).verdict?.action).toBe('quarantine');
    await until(() => changes.length === 1);
    await inner.putUsers([userReport(alice, { aliases: ['a.smith@example.com'], groups: [] })]);
    await until(() => changes.length === 2);
    expect([...(changes[1]?.users ?? [])].sort()).toEqual(['a.smith', 'alice']);
    expect(cache.peek(login, phone)).toBeUndefined();
    expect((await cache.decide(login, phone)).verdict?.action).toBe('block');
  });

  it('does not store a verdict that was read before a change and arrives after it', async () => {
    const { inner, slow, cache, changes } = await setUp({ lookupTimeoutMs: 120_000 });
    await inner.putDevices([deviceReport(phone)]);
    await until(() => changes.length === 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    slow.gate = promise;
    const deciding = cache.decide(alice, phone);
    await until(() => slow.lookups === 1);
    await inner.decide({ user: null, device: phone }, decision('block'), BY_TEST);
    await until(() => changes.length === 2);
    slow.gate = null;
    resolve();
    expect((await deciding).verdict?.action).toBe('block');
    expect(cache.peek(alice, phone)?.action).toBe('block');
  });

  it('does not store a verdict that was read before the whole cache was invalidated', async () => {
    const inner = new EmbeddedStore(':memory:');
    const slow = new SlowStore(inner);
    const drop = Promise.withResolvers<ChangeBatch>();
    let batches = 0;
    const store = Object.create(slow.store, {
      // The change log of a restored store ends before the position of the look-up.
      changesAfter: {
        value: async (position: LogPosition) =>
          batches++ === 0 ? drop.promise : inner.changesAfter(position),
      },
    }) as DirectoryStore;
    const cache = new VerdictCache(store, policy, { ...options, lookupTimeoutMs: 120_000 });
    await inner.putDevices([deviceReport(phone)]);
    await cache.start();
    let dropped = false;
    cache.onChange(({ all }) => (dropped ||= all));
    const { promise, resolve } = Promise.withResolvers<void>();
    slow.gate = promise;
    const deciding = cache.decide(alice, phone);
    await until(() => slow.lookups === 1);
    drop.resolve({ changes: [], position: '0', trimmed: true });
    await until(() => dropped);
    slow.gate = null;
    resolve();
    await deciding;
    expect(slow.lookups).toBe(2);
    await cache.stop();
    await inner.close();
  });

  it('serves the last known verdict for a limited time while the store is unavailable, and no others', async () => {
    const { inner, slow, cache, clock } = await setUp();
    await inner.putDevices([deviceReport(phone)]);
    await cache.decide(alice, phone);
    clock.now += 120_000;
    slow.broken = true;
    expect(cache.peek(alice, phone)).toBeUndefined();
    expect(await cache.decide(alice, phone)).toMatchObject({ source: 'stale', verdict: { action: 'allow' } });
    expect((await cache.decide(alice, 'other' as DeviceKey)).verdict).toBeNull();
    clock.now += 900_000;
    expect((await cache.decide(alice, phone)).verdict).toBeNull();
  });

  it('gives up on a store that does not answer in time', async () => {
    const { slow, cache } = await setUp();
    slow.gate = new Promise(() => undefined);
    expect(await cache.decide(alice, phone)).toEqual({ verdict: null, source: 'none' });
  });

  it('does not keep a verdict that was read too late: a change may have been missed meanwhile', async () => {
    const { slow, cache } = await setUp({ lookupTimeoutMs: 20 });
    const gate = Promise.withResolvers<void>();
    slow.gate = gate.promise;
    expect((await cache.decide(alice, phone)).verdict).toBeNull();
    gate.resolve();
    slow.gate = null;
    // The late answer comes before that of a later look-up.
    expect((await cache.decide(alice, 'other' as DeviceKey)).source).toBe('store');
    expect(cache.peek(alice, 'other' as DeviceKey)).toBeDefined();
    expect(cache.peek(alice, phone)).toBeUndefined();
  });

  it.each([
    ['of known phones', { address: '192.0.2.1', proven: true }, 4],
    // One address leaves half of the places to others.
    ['of strangers at one address', { address: '192.0.2.1', proven: false }, 2],
  ])('has a bounded number of look-ups under way %s, and queues the others', async (_, asker, most) => {
    const { slow, cache } = await setUp({ lookupTimeoutMs: 30_000 });
    const gate = Promise.withResolvers<void>();
    slow.gate = gate.promise;
    const decisions = Array.from({ length: 8 }, (_unused, index) =>
      cache.decide(alice, `p${index}` as DeviceKey, asker),
    );
    await until(() => slow.lookups === most, 'the look-ups that may be under way');
    gate.resolve();
    const decided = await Promise.all(decisions);
    expect(decided.map(({ source }) => source)).toEqual(Array(8).fill('store'));
    expect(slow.most).toBe(most);
  });

  it.each([
    ['of a site behind one address after a restart', false],
    ['of known phones that are cached no more', true],
  ])('looks up every one of a thousand phones %s that come in the same second', async (_, proven) => {
    const { slow, cache } = await setUp({ lookupTimeoutMs: 120_000 });
    const gate = Promise.withResolvers<void>();
    slow.gate = gate.promise;
    const decisions = Array.from({ length: 1_000 }, (_unused, index) =>
      cache.decide(`user${index}` as UserKey, `p${index}` as DeviceKey, { address: '192.0.2.1', proven }),
    );
    await until(() => slow.lookups === (proven ? 4 : 2), 'the look-ups that may be under way');
    gate.resolve();
    const sources = (await Promise.all(decisions)).map(({ source }) => source);
    expect(new Set(sources)).toEqual(new Set(['store']));
  });

  it('serves the last known verdict to a request that waited longer than a look-up may take', async () => {
    const { slow, cache } = await setUp({ lookupTimeoutMs: 50 });
    slow.gate = new Promise(() => undefined);
    const decided = await Promise.all(
      Array.from({ length: 40 }, (_, index) => cache.decide(alice, `p${index}` as DeviceKey)),
    );
    expect(decided.map(({ source }) => source)).toEqual(Array(40).fill('none'));
  });

  it('looks up known phones at once while strangers use all their places and fill their queue', async () => {
    const { inner, slow, cache, clock } = await setUp({ lookupTimeoutMs: 30_000, lifetimeMs: 1_000 });
    const recorder = new PartnershipRecorder(inner);
    onTestFinished(() => recorder.close());
    await inner.putDevices([deviceReport(phone)]);
    recorder.seen({
      user: alice,
      device: phone,
      deviceType: 'iPhone',
      userAgent: null,
      protocolVersion: null,
      verdict: (await cache.decide(alice, phone)).verdict as Verdict,
      information: null,
      spelling: 'phone1',
    });
    await recorder.flush();
    clock.now += 2_000;
    await cache.decide(alice, phone);
    clock.now += 2_000;
    const gate = Promise.withResolvers<void>();
    slow.gate = gate.promise;
    const strangers = Array.from({ length: 60 }, (_, index) =>
      cache.decide(`user${index}` as UserKey, phone, { address: `192.0.2.${index % 3}`, proven: false }),
    );
    await until(
      () => slow.underWay === 3,
      'the places of strangers to be taken, but for one of a fourth address',
    );
    slow.gate = null;
    // By its partnership, and by its credentials.
    const stranger = { address: '192.0.2.1', proven: false };
    expect((await cache.decide(alice, phone, stranger)).source).toBe('store');
    const unseen = 'NEW1' as DeviceKey;
    expect((await cache.decide(alice, unseen, { ...stranger, proven: true })).source).toBe('store');
    gate.resolve();
    await Promise.all(strangers);
  });

  it('does not make a known phone wait for the look-up of a stranger that uses its id', async () => {
    const { slow, cache } = await setUp({ lookupTimeoutMs: 30_000 });
    const gate = Promise.withResolvers<void>();
    slow.gate = gate.promise;
    const stranger = cache.decide(alice, phone, { address: '192.0.2.1', proven: false });
    await until(() => slow.lookups === 1, 'the look-up of the stranger');
    slow.gate = null;
    expect((await cache.decide(alice, phone, { address: '192.0.2.1', proven: true })).source).toBe('store');
    gate.resolve();
    await stranger;
  });

  it('stays within its bounds', async () => {
    const { cache } = await setUp({ maxUnknownEntries: 5 });
    for (let index = 0; index < 50; index++) await cache.decide(alice, `p${index}` as DeviceKey);
    const kept = Array.from({ length: 50 }, (_, index) => cache.peek(alice, `p${index}` as DeviceKey));
    expect(kept.filter((verdict) => verdict !== undefined)).toHaveLength(5);
  });
});

describe('a wipe in the verdict cache', () => {
  it('blocks the device while the store is unavailable, and is never sent from memory', async () => {
    const { inner, slow, cache, clock } = await setUp();
    await inner.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('wipe');
    clock.now += 6_000;
    slow.broken = true;
    const { verdict, source } = await cache.decide(alice, phone);
    expect(source).toBe('stale');
    expect(verdict).toMatchObject({ action: 'block', reason: 'storeUnavailable' });
    expect(verdict?.wipe).toBeUndefined();
  });

  it('is cached for at most five seconds, whatever the lifetime of other verdicts', async () => {
    const { inner, cache, clock } = await setUp();
    await inner.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    await cache.decide(alice, phone);
    expect(cache.peek(alice, phone)?.action).toBe('wipe');
    clock.now += 5_000;
    expect(cache.peek(alice, phone)).toBeUndefined();
  });

  it('is confirmed by the store and not by the cache', async () => {
    const { inner, slow, cache } = await setUp();
    await inner.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    await cache.decide(alice, phone);
    expect((await cache.confirm(alice, phone))?.wipe).toMatchObject({
      decidedFor: null,
      user: 'alice',
      told: false,
      requestedAt: 100,
    });
    expect(slow.lookups).toBe(2);
  });

  it('is not confirmed once it was cancelled, even before the change log reports that', async () => {
    const { inner, cache, changes } = await setUp();
    await inner.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    await until(() => changes.length === 1);
    await cache.decide(alice, phone);
    await cache.stop();
    await inner.decide({ user: null, device: phone }, null, BY_TEST);
    expect(cache.peek(alice, phone)?.action).toBe('wipe');
    expect((await cache.confirm(alice, phone))?.action).toBe('quarantine');
  });

  it('is not confirmed by a look-up that was already under way', async () => {
    const { inner, slow, cache } = await setUp({ lookupTimeoutMs: 120_000 });
    await inner.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    const { promise, resolve } = Promise.withResolvers<void>();
    slow.gate = promise;
    const early = cache.decide(alice, phone);
    await until(() => slow.lookups === 1);
    slow.gate = null;
    await inner.decide({ user: null, device: phone }, null, BY_TEST);
    expect((await cache.confirm(alice, phone))?.action).toBe('quarantine');
    resolve();
    await early;
  });

  it('is not confirmed when the store fails, and the failure is reported', async () => {
    const errors: unknown[] = [];
    const { inner, slow, cache } = await setUp({ onLookupError: (error) => errors.push(error) });
    await inner.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    await cache.decide(alice, phone);
    slow.broken = true;
    expect(await cache.confirm(alice, phone)).toBeNull();
    expect(errors).toHaveLength(1);
  });

  it('has no more confirmations under way than look-ups are allowed', async () => {
    const { slow, cache } = await setUp();
    slow.gate = new Promise(() => undefined);
    await Promise.all(Array.from({ length: 20 }, () => cache.confirm(alice, phone)));
    expect(slow.lookups).toBe(4);
  });

  it('is settled by the answer to the confirmed order, for the scope it was ordered for', async () => {
    const { inner, cache, changes } = await setUp();
    await inner.decide({ user: alice, device: phone }, wipeDecision(100, 'accountWipe'), BY_TEST);
    const order = (await cache.confirm(alice, phone))?.wipe;
    if (order === undefined) throw new Error('no order');
    await until(() => changes.length === 1);
    expect(await cache.acknowledgeWipe(phone, order, 1)).toBe(false);
    expect(await cache.noteWipeTold(phone, order)).toBe(true);
    expect(await cache.acknowledgeWipe(phone, order, 2)).toBe(true);
    expect((await cache.confirm(alice, phone))?.action).toBe('accountWipe');
    expect(await cache.acknowledgeWipe(phone, order, 1)).toBe(true);
    await until(() => changes.length >= 2);
    expect(await cache.confirm(alice, phone)).toMatchObject({ action: 'block', reason: 'wiped' });
    expect(await cache.acknowledgeWipe(phone, order, 1)).toBe(false);
  });
});

describe('the partnership recorder', () => {
  const facts = {
    user: alice,
    device: phone,
    spelling: phone,
    deviceType: 'iPhone',
    userAgent: 'Apple',
    protocolVersion: '16.1',
    information: null,
    verdict: { action: 'allow', reason: 'compliant', rule: '', validUntil: Infinity } as const,
  };

  it('writes a partnership once, and again after a change', async () => {
    const store = new EmbeddedStore(':memory:');
    let writes = 0;
    const counting = Object.create(store, {
      recordSeen: {
        value: (batch: never) => {
          writes++;
          return store.recordSeen(batch);
        },
      },
    }) as DirectoryStore;
    const recorder = new PartnershipRecorder(counting);
    for (let round = 0; round < 100; round++) recorder.seen(facts);
    await recorder.flush();
    recorder.seen(facts);
    await recorder.flush();
    expect(writes).toBe(1);
    recorder.seen({ ...facts, userAgent: 'Apple 2' });
    await recorder.close();
    expect(writes).toBe(2);
    expect((await partnershipsOf(store))[0]?.userAgent).toBe('Apple 2');
    await store.close();
  });

  it('keeps a partnership that it could not write, and writes it later', async () => {
    const store = new EmbeddedStore(':memory:');
    let away = true;
    const failing = Object.create(store, {
      recordSeen: {
        value: async (batch: never) => (away ? Promise.reject(new Error('away')) : store.recordSeen(batch)),
      },
    }) as DirectoryStore;
    const recorder = new PartnershipRecorder(failing);
    recorder.seen(facts);
    await recorder.flush();
    expect(await partnershipsOf(store)).toEqual([]);
    away = false;
    await recorder.close();
    expect(await partnershipsOf(store)).toHaveLength(1);
    await store.close();
  });
});

describe('a cached verdict', () => {
  it('is recalled after its lifetime while changes are read, unless it changed; else for the times of an outage', async () => {
    const { inner, cache, clock, changes } = await setUp();
    await inner.putDevices([deviceReport(phone)]);
    await cache.decide(alice, phone);
    const age = vi.spyOn(cache, 'stateAgeMs');
    age.mockReturnValue(options.lifetimeMs);
    clock.now += 3_600_000;
    expect([cache.peek(alice, phone), cache.recall(alice, phone)?.action]).toEqual([undefined, 'allow']);
    age.mockReturnValue(options.lifetimeMs + 1);
    expect(cache.recall(alice, phone)).toBeUndefined();
    age.mockReturnValue(0);
    const before = changes.length;
    await inner.putDevices([deviceReport(phone, { version: 2, compliant: false })]);
    await until(() => changes.length > before, 'the change');
    expect(cache.recall(alice, phone)).toBeUndefined();
  });

  it('is recalled in the first minutes of an outage, without ordering a wipe', async () => {
    const { inner, cache, clock } = await setUp();
    await inner.decide({ device: phone, user: null }, wipeDecision(1, 'wipe', alice, phone), BY_TEST);
    await cache.decide(alice, phone);
    clock.now += 120_000;
    vi.spyOn(cache, 'stateAgeMs').mockReturnValue(120_000);
    expect(cache.recall(alice, phone)).toMatchObject({ action: 'block', reason: 'storeUnavailable' });
  });
});

describe('phones that are looked up in one call', () => {
  const phones = Array.from({ length: 40 }, (_, index) => `phone${index}` as DeviceKey);
  const asked = phones.map((device) => ({ user: alice, device, deviceType: null }));
  const answersOf = async (cache: VerdictCache): Promise<ReadonlyMap<number, boolean>> => {
    const answers = new Map<number, boolean>();
    await new Promise<void>((resolve) => {
      cache.refresh(asked, (at, isAnswered) => {
        answers.set(at, isAnswered);
        if (answers.size === asked.length) resolve();
      });
    });
    return answers;
  };

  it('have cached verdicts when the answers arrive', async () => {
    const { inner, cache } = await setUp();
    await inner.putDevices(phones.map((device, at) => deviceReport(device, { compliant: at % 2 === 0 })));
    expect([...(await answersOf(cache)).values()]).toEqual(phones.map(() => true));
    expect(phones.map((device) => cache.peek(alice, device)?.action)).toEqual(
      phones.map((_, at) => (at % 2 === 0 ? 'allow' : 'quarantine')),
    );
  });

  it('do not depend on a phone for which the store fails', async () => {
    const { inner, slow, cache } = await setUp();
    await inner.putDevices(phones.map((device) => deviceReport(device)));
    slow.brokenFor = phones[7] ?? null;
    const answers = await answersOf(cache);
    expect(phones.filter((_, at) => answers.get(at) !== true)).toEqual([phones[7]]);
    expect(phones.filter((device) => cache.peek(alice, device) === undefined)).toEqual([phones[7]]);
  });

  it('are not cached if the answer is too late: changes meanwhile were not compared with it', async () => {
    const { inner, slow, cache } = await setUp({ lookupTimeoutMs: 1 });
    await inner.putDevices(phones.map((device) => deviceReport(device)));
    const gate = Promise.withResolvers<void>();
    slow.gate = gate.promise;
    expect([...(await answersOf(cache)).values()]).toEqual(phones.map(() => false));
    gate.resolve();
    await until(() => slow.underWay === 0);
    expect(cache.peek(alice, phones[0] ?? phone)).toBeUndefined();
  });
});
