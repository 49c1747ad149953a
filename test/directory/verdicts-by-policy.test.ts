// Owns the promises of the verdict cache about policies: a new policy, a time at which a verdict changes, and conditions on
// requests are decided from the cached facts, without a look-up.
import { afterEach, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { ChangedKeys } from '../../src/directory/verdict-cache.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import { readFacts } from '../../src/policy/engine/read-facts.ts';
import type { RequestFacts } from '../../src/policy/engine/facts.ts';
import { BY_TEST, alice, decision, deviceReport, phone } from '../support/servers/directory-records.ts';

const NOW = Date.parse('2026-12-01T10:00:00Z');
const DAY = 86_400_000;
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function compiled(document: object): CompiledPolicy {
  const { policy, problems } = compilePolicy(document);
  if (policy === null) throw new Error(JSON.stringify(problems));
  return policy;
}

const from = (address: string, userAgent = 'Phone/1'): RequestFacts =>
  readFacts({ request: { address, userAgent, command: 'Sync' } }, 0).request;

async function setUp(document: object) {
  const store = new EmbeddedStore(':memory:');
  let lookups = 0;
  const counted = Object.create(store, {
    lookup: {
      value: (...asked: Parameters<DirectoryStore['lookup']>) => {
        lookups++;
        return store.lookup(...asked);
      },
    },
  }) as DirectoryStore;
  const clock = { now: 1_000_000 };
  const cache = new VerdictCache(
    counted,
    compiled(document),
    {
      maxEntries: 100,
      maxUnknownEntries: 100,
      lifetimeMs: 1_000 * DAY,
      unknownLifetimeMs: 1_000 * DAY,
      maxConcurrentLookups: 4,
      lookupTimeoutMs: 5_000,
      staleAllowedMs: 900_000,
      staleBlockedMs: 900_000,
      onLookupError: () => undefined,
    },
    () => clock.now,
    () => NOW + clock.now - 1_000_000,
  );
  const changes: ChangedKeys[] = [];
  cache.onChange((changed) => changes.push(changed));
  cleanups.push(
    () => store.close(),
    () => cache.stop(),
  );
  return { store, cache, clock, changes, lookups: () => lookups };
}

describe('a new policy', () => {
  it('applies at once to every cached phone, without a look-up, and to open requests', async () => {
    const { store, cache, changes, lookups } = await setUp({});
    await store.putDevices([deviceReport(phone, { encrypted: false })]);
    expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
    cache.usePolicies(
      forEverybody(compiled({ compliance: [{ name: 'disk', require: { encrypted: true } }] })),
    );
    expect(cache.peek(alice, phone)).toMatchObject({
      action: 'quarantine',
      reason: 'notEncrypted',
      rule: 'compliance policy "disk"',
    });
    expect(changes).toMatchObject([{ all: true, policy: true }]);
    expect(lookups()).toBe(1);
  });

  it('with the same result keeps the same verdict object', async () => {
    const { store, cache } = await setUp({});
    await store.putDevices([deviceReport(phone)]);
    const before = (await cache.decide(alice, phone)).verdict;
    cache.usePolicies(forEverybody(compiled({ name: 'another', notEnrolled: { action: 'block' } })));
    expect(cache.peek(alice, phone)).toBe(before);
  });
});

describe('a time at which a verdict changes', () => {
  it('set by a step of the policy leads to a new decision, without a look-up', async () => {
    const { store, cache, clock, lookups } = await setUp({
      compliance: [{ require: { checkInWithin: '30d' }, grace: '3d' }],
    });
    await store.putDevices([deviceReport(phone, { lastCheckIn: NOW - 29 * DAY })]);
    expect((await cache.decide(alice, phone)).verdict).toMatchObject({
      action: 'allow',
      reason: 'compliant',
    });
    clock.now += DAY;
    expect(cache.peek(alice, phone)).toMatchObject({
      action: 'allow',
      reason: 'inGracePeriod',
      nextStep: NOW + 4 * DAY,
    });
    clock.now += 3 * DAY;
    expect(cache.peek(alice, phone)).toMatchObject({ action: 'quarantine', reason: 'notCheckedIn' });
    expect(lookups()).toBe(1);
  });

  it('set by the end of a manual decision leads to the verdict without that decision', async () => {
    const { store, cache, clock } = await setUp({});
    await store.decide(
      { user: null, device: phone },
      { ...decision('allow'), expiresAt: NOW + 1_000 },
      BY_TEST,
    );
    expect((await cache.decide(alice, phone)).verdict?.reason).toBe('individualRule');
    clock.now += 1_001;
    expect(cache.peek(alice, phone)).toMatchObject({ action: 'quarantine', reason: 'unknownDevice' });
  });
});

describe('conditions on requests', () => {
  const office = {
    lists: { office: ['10.0.0.0/8'] },
    rules: [{ name: 'office only', match: { network: { not: '@office' } }, action: 'block' }],
  };

  it('are evaluated for each request, from one look-up', async () => {
    const { store, cache, lookups } = await setUp(office);
    await store.putDevices([deviceReport(phone)]);
    const inside = await cache.decide(alice, phone, undefined, from('10.1.2.3'));
    expect(inside.verdict?.action).toBe('allow');
    expect(cache.peek(alice, phone, from('192.0.2.1'))).toMatchObject({
      action: 'block',
      reason: 'deviceRule',
      rule: 'rule "office only"',
    });
    expect(cache.peek(alice, phone, from('10.9.9.9', 'Other/2'))).toBe(inside.verdict);
    expect(lookups()).toBe(1);
  });

  it('are evaluated only if the policy has any', async () => {
    const { cache } = await setUp({});
    expect(cache.readsRequests).toBe(false);
    cache.usePolicies(forEverybody(compiled(office)));
    expect(cache.readsRequests).toBe(true);
  });

  it('keep a bounded number of verdicts per phone, and the right ones', async () => {
    const networks = Array.from({ length: 20 }, (_, index) => `192.0.2.${index}`);
    const { store, cache } = await setUp({
      rules: networks.map((network, index) => ({ name: `${index}`, match: { network }, action: 'block' })),
    });
    await store.putDevices([deviceReport(phone)]);
    await cache.decide(alice, phone);
    for (let round = 0; round < 2; round++)
      for (const [index, address] of networks.entries())
        expect(cache.peek(alice, phone, from(address))?.rule).toBe(`rule "${index}"`);
  });
});
