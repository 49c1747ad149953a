// Owns the promises of the verdict cache about a roll-out: each verdict in memory is of the policies in use, a change of the roll-out or
// of a user's groups is decided anew, and an unchanged result stays the same verdict.
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { ChangedKeys } from '../../src/directory/verdict-cache.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { forEverybody, withRollout } from '../../src/policy/active-policies.ts';
import type { ActivePolicies } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { readFacts } from '../../src/policy/engine/read-facts.ts';
import { until } from '../support/checks/until.ts';
import { alice, deviceReport, phone, userReport } from '../support/servers/directory-records.ts';
import { ROOMY } from '../support/servers/cache-options.ts';

function compiled(document: PolicyDocument): CompiledPolicy {
  const { policy } = compilePolicy(document);
  if (policy === null) throw new Error('the policy is broken');
  return policy;
}

const OPEN = compiled({ rules: [{ name: 'old', action: 'allow' }] });
const STRICT = compiled({ rules: [{ name: 'new', action: 'block' }] });
const EVERYBODY = forEverybody(OPEN, 1);
const OFFICE = compiled({
  rules: [
    { name: 'office', match: { network: '10.0.0.0/8' }, action: 'allow' },
    { name: 'outside', action: 'block' },
  ],
});
const AWAY = compiled({
  rules: [
    { name: 'office', match: { network: '10.0.0.0/8' }, action: 'block' },
    { name: 'outside', action: 'allow' },
  ],
});
const bob = 'bob' as UserKey;
const rollOut = (groups: string[], share = 0, policy = STRICT): ActivePolicies =>
  withRollout(EVERYBODY, { policy, version: 2 }, { groups, share });

async function setUp() {
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  await store.putDevices([deviceReport(phone)]);
  await store.putUsers([userReport(alice, { groups: ['Pilot'] }), userReport(bob, { groups: ['Staff'] })]);
  const cache = new VerdictCache(store, OPEN, ROOMY);
  onTestFinished(() => cache.stop());
  cache.usePolicies(EVERYBODY);
  return { store, cache };
}

describe('the verdict cache', () => {
  it('decides by the version for users of its groups, without a look-up, and keeps the verdicts of the others', async () => {
    const { cache } = await setUp();
    const changes: ChangedKeys[] = [];
    cache.onChange((changed) => changes.push(changed));
    await cache.decide(alice, phone);
    const ofBob = (await cache.decide(bob, phone)).verdict;
    cache.usePolicies(rollOut(['pilot']));
    expect(cache.peek(alice, phone)).toMatchObject({ action: 'block', rule: 'rule "new"' });
    expect(cache.peek(bob, phone)).toBe(ofBob);
    expect(changes).toMatchObject([{ all: true, policy: true }]);
    expect(cache.misses).toBe(2);
    cache.usePolicies(EVERYBODY);
    expect(cache.peek(alice, phone)).toMatchObject({ action: 'allow', rule: 'rule "old"' });
  });

  it('asks again when the groups of a user change, and decides by the other policy', async () => {
    const { store, cache } = await setUp();
    await cache.start();
    cache.usePolicies(rollOut(['pilot']));
    expect((await cache.decide(bob, phone)).verdict?.action).toBe('allow');
    await store.putUsers([userReport(bob, { groups: ['Staff', 'Pilot'] })]);
    await until(() => cache.peek(bob, phone) === undefined, 'the change to be followed');
    expect((await cache.decide(bob, phone)).verdict?.action).toBe('block');
  });

  it('confirms by the version too', async () => {
    const { cache } = await setUp();
    cache.usePolicies(rollOut(['pilot']));
    expect((await cache.confirm(alice, phone))?.action).toBe('block');
    expect((await cache.confirm(bob, phone))?.action).toBe('allow');
  });

  it('looks at requests while one of the policies does, for its users alone', async () => {
    const { cache } = await setUp();
    const from = (address: string) => readFacts({ request: { address } }, 0).request;
    cache.usePolicies(rollOut(['pilot'], 0, OFFICE));
    expect(cache.readsRequests).toBe(true);
    await cache.decide(alice, phone);
    await cache.decide(bob, phone);
    expect(cache.peek(alice, phone, from('10.1.2.3'))?.action).toBe('allow');
    expect(cache.peek(alice, phone, from('192.0.2.1'))?.action).toBe('block');
    expect(cache.peek(bob, phone, from('192.0.2.1'))?.rule).toBe('rule "old"');
    cache.usePolicies(rollOut(['pilot'], 0, AWAY));
    expect(cache.peek(alice, phone, from('10.1.2.3'))?.action).toBe('block');
    expect(cache.peek(alice, phone, from('192.0.2.1'))?.action).toBe('allow');
    cache.usePolicies(EVERYBODY);
    expect(cache.readsRequests).toBe(false);
    expect(cache.peek(alice, phone)?.rule).toBe('rule "old"');
  });

  it('compares a policy in the shadow with the live one, and not on phones that another version decides on', async () => {
    const { cache } = await setUp();
    cache.useShadow(STRICT);
    cache.usePolicies(rollOut(['pilot']));
    await cache.decide(alice, phone);
    await cache.decide(bob, phone);
    expect(cache.shadowCounts()).toMatchObject({ compared: 1, phones: [{ user: bob }] });
  });

  it('never answers with a verdict of policies that are no longer in use', async () => {
    const [one, two, three] = [OPEN, STRICT, OFFICE];
    const users = ['alice', 'bob', 'carol', 'dora'] as UserKey[];
    const step = fc.oneof(
      fc.record({
        use: fc.constantFrom(one, two, three),
        beside: fc.constantFrom(one, two, three),
        groups: fc.subarray(['Pilot', 'Staff']),
        share: fc.constantFrom(0, 30, 70, 100),
      }),
      fc.record({ user: fc.constantFrom(...users), groups: fc.subarray(['pilot', 'staff']) }),
      fc.record({ ask: fc.constantFrom(...users), from: fc.constantFrom('10.1.2.3', '192.0.2.1') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (steps) => {
        const store = new EmbeddedStore(':memory:');
        const device = 'phone1' as DeviceKey;
        let active = EVERYBODY;
        let observedAt = 0;
        const known = new Map<UserKey, string>();
        const cache = new VerdictCache(store, OPEN, ROOMY);
        try {
          await cache.start();
          cache.usePolicies(active);
          for (const each of steps) {
            if ('use' in each) {
              const { use, beside, groups, share } = each;
              active = withRollout(forEverybody(use, 1), { policy: beside, version: 2 }, { groups, share });
              cache.usePolicies(active);
            } else if ('user' in each) {
              // Nothing new is no change.
              if (known.get(each.user) === each.groups.join()) continue;
              known.set(each.user, each.groups.join());
              await store.putUsers([
                userReport(each.user, { groups: each.groups, observedAt: ++observedAt }),
              ]);
              await until(() => cache.peek(each.user, device) === undefined, 'the change to be followed');
            } else {
              const { request } = readFacts({ request: { address: each.from } }, 0);
              const remembered = cache.peek(each.ask, device, request);
              const found = remembered ?? (await cache.decide(each.ask, device, undefined, request)).verdict;
              const fresh = new VerdictCache(store, OPEN, ROOMY);
              fresh.usePolicies(active);
              expect(found).toEqual((await fresh.decide(each.ask, device, undefined, request)).verdict);
              await fresh.stop();
            }
          }
        } finally {
          await cache.stop();
          await store.close();
        }
      }),
      { numRuns: 50 },
    );
  });
});
