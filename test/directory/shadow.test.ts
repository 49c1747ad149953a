// Owns the promises of a policy in the shadow: it is evaluated on real traffic, decides nothing, and its differences are counted.
import { expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { VerdictCache } from '../../src/directory/verdict-cache.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { forEverybody } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compile/compiled-policy.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { alice, deviceReport, phone } from '../support/servers/directory-records.ts';
import { ROOMY } from '../support/servers/cache-options.ts';

function compiled(document: PolicyDocument): CompiledPolicy {
  const { policy } = compilePolicy(document);
  if (policy === null) throw new Error('the policy is broken');
  return policy;
}

const OPEN = compiled({ compliance: [], noCompliancePolicy: { action: 'allow' } });
const STRICT = compiled({});

async function setUp() {
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  await store.putDevices([deviceReport(phone, { compliant: false })]);
  const cache = new VerdictCache(store, OPEN, ROOMY);
  onTestFinished(() => cache.stop());
  return cache;
}

it('counts where a policy in the shadow decides differently, and on whom; the live one decides', async () => {
  const cache = await setUp();
  cache.useShadow(STRICT);
  expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
  expect(cache.shadowCounts()).toEqual({
    compared: 1,
    different: 1,
    phones: [
      {
        user: alice,
        device: phone,
        live: { action: 'allow', reason: 'noCompliancePolicy', rule: 'policy.noCompliancePolicy' },
        shadow: { action: 'quarantine', reason: 'notCompliant', rule: 'compliance policy "default"' },
        at: expect.any(Number) as number,
      },
    ],
  });
});

it('counts nothing twice for a verdict in memory, and nothing without a shadow', async () => {
  const cache = await setUp();
  expect(cache.shadowCounts()).toBeNull();
  cache.useShadow(STRICT);
  await cache.decide(alice, phone);
  expect(cache.peek(alice, phone)?.action).toBe('allow');
  expect(cache.shadowCounts()).toMatchObject({ compared: 1 });
  cache.useShadow(null);
  expect(cache.shadowCounts()).toBeNull();
});

it('begins anew with each version in the shadow', async () => {
  const cache = await setUp();
  cache.useShadow(STRICT);
  await cache.decide(alice, phone);
  cache.useShadow(OPEN);
  expect(cache.shadowCounts()).toEqual({ compared: 0, different: 0, phones: [] });
});

it('forgets a phone on which both agree by now', async () => {
  const cache = await setUp();
  cache.useShadow(STRICT);
  await cache.decide(alice, phone);
  cache.usePolicies(forEverybody(STRICT));
  expect(cache.peek(alice, phone)?.action).toBe('quarantine');
  expect(cache.shadowCounts()).toMatchObject({ compared: 2, different: 1, phones: [] });
});

it('that fails reaches no phone, and what it fails to decide is not counted', async () => {
  const cache = await setUp();
  const failing = new Proxy(STRICT, {
    get() {
      throw new Error('broken');
    },
  });
  expect((await cache.decide(alice, phone)).verdict?.action).toBe('allow');
  cache.useShadow(failing);
  cache.usePolicies(forEverybody(compiled({ compliance: [], noCompliancePolicy: { action: 'allow' } })));
  expect(cache.peek(alice, phone)?.action).toBe('allow');
  expect(cache.shadowCounts()?.compared).toBe(0);
});

it('names the phone that was decided last first', async () => {
  const cache = await setUp();
  cache.usePolicies(forEverybody(compiled({ unknownDevice: { action: 'allow' } })));
  cache.useShadow(compiled({ unknownDevice: { action: 'block' } }));
  for (const device of ['one', 'two', 'three'] as DeviceKey[]) await cache.decide(alice, device);
  expect(cache.shadowCounts()?.phones.map(({ device }) => device)).toEqual(['three', 'two', 'one']);
});
