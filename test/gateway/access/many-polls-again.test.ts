// Owns the proof that a change of many devices, or of the policy, ends the held polls of exactly those phones that it refuses, on both stores, without fakes.
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../src/directory/open-store.ts';
import type { StoreOptions } from '../../../src/directory/open-store.ts';
import { PartnershipRecorder } from '../../../src/directory/partnership-recorder.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import { VerdictCache } from '../../../src/directory/verdict-cache.ts';
import { monotonicNow } from '../../../src/clock.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import { deviceKey } from '../../../src/identity/device.ts';
import type { DeviceObservation } from '../../../src/model/device.ts';
import { forEverybody } from '../../../src/policy/active-policies.ts';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { compileSimplePolicy } from '../../../src/policy/compile/simple-policy.ts';
import { STORE_KINDS } from '../../support/servers/store-kinds.ts';
import { checkLeaks, watchGateway } from '../../support/checks/leaks.ts';
import { TestClock } from '../../support/checks/test-clock.ts';
import { until } from '../../support/checks/until.ts';
import { HeldPolls } from '../../support/phones/held-polls.ts';
import { deviceReport } from '../../support/servers/directory-records.ts';
import { startRawBackend } from '../../support/servers/raw-backend.ts';
import { testSettings } from '../../support/servers/test-gateway.ts';

checkLeaks();

const PHONES = 150;
const LIFETIME_MS = 60_000;

/** Reports of a feed on all phones, each different from the one before. */
function reports(version: number, of: (index: number) => Partial<DeviceObservation>): DeviceObservation[] {
  return Array.from({ length: PHONES }, (_, index) =>
    deviceReport(deviceKey(`HELD${index}`), {
      version,
      osVersion: `18.${version}`,
      encrypted: index % 2 === 0,
      ...of(index),
    }),
  );
}

interface World {
  readonly elsewhere: DirectoryStore;
  readonly cache: VerdictCache;
  readonly crowd: HeldPolls;
  /** Added to the clock of verdicts. */
  readonly later: { ms: number };
  /** Look-ups that the gateway made. */
  readonly asked: { count: number };
}

/** A gateway that holds a poll of each phone. */
async function open(prepare: () => Promise<StoreOptions>): Promise<World> {
  const options = await prepare();
  const store = await openStore(options);
  const elsewhere = await openStore(options);
  await elsewhere.putDevices(reports(1, () => ({})));
  const asked = { count: 0 };
  const later = { ms: 0 };
  const cache = new VerdictCache(
    store,
    compileSimplePolicy({}),
    {
      maxEntries: 1_000,
      maxUnknownEntries: 1_000,
      lifetimeMs: LIFETIME_MS,
      unknownLifetimeMs: LIFETIME_MS,
      maxConcurrentLookups: 256,
      lookupTimeoutMs: 30_000,
      staleAllowedMs: 1_000,
      staleBlockedMs: 1_000,
      onLookupError: () => undefined,
      onLookup: () => void asked.count++,
    },
    () => monotonicNow() + later.ms,
  );
  await cache.start();
  const recorder = new PartnershipRecorder(store);
  const backend = await startRawBackend(() => undefined);
  const time = new TestClock();
  const gateway = await startGateway({
    settings: testSettings(backend.port),
    clock: time.now,
    wall: time.wall,
    verdicts: cache,
    recorder,
    accessLog: null,
  });
  watchGateway(gateway);
  const crowd = await HeldPolls.open(gateway.port, PHONES);
  onTestFinished(async () => {
    crowd.destroy();
    await gateway.close();
    await cache.stop();
    await recorder.close();
    await store.close();
    await elsewhere.close();
    await backend.close();
  });
  await until(() => gateway.heldPolls() === PHONES, 'all polls');
  asked.count = 0;
  return { elsewhere, cache, crowd, later, asked };
}

/** Numbers of the phones whose polls have ended. */
function ended({ polls }: HeldPolls): number[] {
  return polls
    .flatMap(({ device, endedAt }) => (endedAt === null ? [] : [Number(device.slice(4))]))
    .sort(inOrder);
}

function inOrder(a: number, b: number): number {
  return a - b;
}

function numbers(condition: (index: number) => boolean): number[] {
  return Array.from({ length: PHONES }, (_, index) => index).filter(condition);
}

describe.each(STORE_KINDS)('held polls of many phones, with the %s store,', (_name, prepare) => {
  it('end where a change of all their devices refuses the phone', async () => {
    const { elsewhere, crowd, asked } = await open(prepare);
    await elsewhere.putDevices(reports(2, (index) => ({ compliant: index % 3 !== 0 })));
    await until(() => asked.count >= PHONES && ended(crowd).length === PHONES / 3, 'the refused polls');
    await elsewhere.putDevices(reports(3, (index) => ({ compliant: index % 3 !== 0 && index !== 1 })));
    await until(() => ended(crowd).includes(1), 'one more');
    expect(ended(crowd)).toEqual(numbers((index) => index % 3 === 0 || index === 1));
  });

  it('end where a new policy refuses the phone by facts that are an hour old, without a look-up', async () => {
    const { cache, crowd, later, asked } = await open(prepare);
    later.ms = 3_600_000;
    const { policy } = compilePolicy({ compliance: [{ name: 'disk', require: { encrypted: true } }] });
    if (policy === null) throw new Error('the policy has errors');
    cache.usePolicies(forEverybody(policy));
    await until(() => ended(crowd).length >= PHONES / 2 && asked.count >= PHONES / 2, 'all to be decided');
    expect(ended(crowd)).toEqual(numbers((index) => index % 2 === 1));
    // The others, in the end.
    expect(asked.count).toBe(PHONES / 2);
  });
});
