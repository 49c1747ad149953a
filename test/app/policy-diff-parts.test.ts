// Owns the promises of comparisons of policies in parts: whatever is stored, the parts of a directory put together are the whole.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffInThreads } from '../../src/app/diff-threads.ts';
import { diffPart, joinParts, withoutGrandfathering } from '../../src/app/policy-diff.ts';
import type { ReadRecords } from '../../src/app/scan-partnerships.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DeviceEntry, DirectoryStore, UserEntry } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { forEverybody, withRollout } from '../../src/policy/active-policies.ts';
import type { ActivePolicies } from '../../src/policy/active-policies.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { PolicyDocument } from '../../src/policy/document/schema.ts';
import { FUZZ_TIMEOUT_MS } from '../support/checks/fuzz-runs.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import {
  BY_TEST,
  decision,
  deviceReport,
  seenPartnership,
  userReport,
} from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
useRedis((server) => (redis = server));

function openRedis(): Promise<RedisStore> {
  const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 5_000 };
  return RedisStore.open(options, NO_GROUPS, UNGUARDED);
}

const DAY = 86_400_000;
const NOW = 100 * DAY;

function compiled(document: PolicyDocument): ActivePolicies {
  const { policy, problems } = compilePolicy(document);
  if (policy === null) throw new Error(JSON.stringify(problems));
  return forEverybody(policy);
}

const LENIENT = compiled({
  notEnrolled: { action: 'allow' },
  grandfather: {
    firstSeenBefore: new Date(NOW - 10 * DAY).toISOString(),
    until: new Date(NOW + DAY).toISOString(),
  },
});
const STRICT = compiled({ limits: { devicesPerUser: 1 } });
const extent = { groups: ['Pilot', 'Sales', 'Nobody'], share: 30 };
/** Before, and after. */
const CHANGES: readonly (readonly [ActivePolicies, ActivePolicies])[] = [
  [LENIENT, STRICT],
  [LENIENT, withoutGrandfathering(LENIENT)],
  [LENIENT, withRollout(LENIENT, STRICT.live, extent)],
];

/** Names that are spread over all parts, and such as stand at either end. */
const device = fc
  .oneof(fc.constantFrom('0', '~', 'z'), fc.stringMatching(/^[a-z0-9]{1,6}$/))
  .map((name) => name as DeviceKey);
const user = fc
  .constantFrom('alice', 'alice@contoso.com', 'bob', 'contoso\\bob', 'carol')
  .map((name) => name as UserKey);
const phone = fc.record({
  device,
  user,
  seenAt: fc.integer({ min: 1, max: 99 }),
  model: fc.constantFrom('iPhone15C2', 'SM-G900B', null),
  report: fc.option(fc.record({ managed: fc.boolean(), compliant: fc.option(fc.boolean()) })),
});
const directory = fc.record({
  phones: fc.array(phone, { maxLength: 24 }),
  reported: fc.array(device, { maxLength: 6 }),
  users: fc.array(fc.record({ user, groups: fc.constantFrom(['pilot'], ['Sales', 'staff'], [], null) }), {
    maxLength: 3,
  }),
  decided: fc.array(
    fc.record({ device, user: fc.option(user), action: fc.constantFrom('allow' as const, 'block' as const) }),
    { maxLength: 3 },
  ),
});

async function write(
  store: DirectoryStore,
  stored: typeof directory extends fc.Arbitrary<infer T> ? T : never,
) {
  const { phones, reported, users, decided } = stored;
  for (const [index, { user: key, groups }] of users.entries())
    await store.putUsers([userReport(key, { groups, observedAt: index + 1 })]);
  await store.putDevices([
    ...reported.map((key) => deviceReport(key)),
    ...phones.flatMap(({ device: key, report }) =>
      report === null ? [] : [deviceReport(key, { ...report, observedAt: NOW - 20 * DAY })],
    ),
  ]);
  for (const one of phones)
    await store.recordSeen([seenPartnership(one.user, one.device, one.seenAt * DAY, { model: one.model })]);
  for (const { action, ...subject } of decided) await store.decide(subject, decision(action), BY_TEST);
}

async function checkParts(store: DirectoryStore): Promise<void> {
  for (const [before, after] of CHANGES) {
    const whole = await diffInThreads(store, null, { before, after, now: NOW });
    for (const count of [1, 2, 3]) {
      const found = [];
      for (const read of await readInParts(store, count))
        found.push(await diffPart(store, { before, after, now: NOW }, () => undefined, read));
      expect(joinParts(found)).toEqual(whole);
    }
  }
}

/** What each of so many threads compares. */
async function readInParts(store: DirectoryStore, count: number): Promise<readonly ReadRecords[]> {
  const { spread } = store;
  if (spread.kind === 'parts') {
    const parts = await spread.parts(count, 1);
    return parts.map((part) => ({ users: store.scanUsers(), devices: spread.devices(part) }));
  }
  const users: (readonly UserEntry[])[] = [];
  const devices: (readonly DeviceEntry[])[] = [];
  for await (const { kind, packed } of spread.scan()) {
    const sent = structuredClone(packed);
    if (kind === 'users') users.push([...spread.users(sent, true)]);
    else devices.push(...Array.from(spread.devices(sent), (one) => [one]));
  }
  return Array.from({ length: count }, (_, at) => ({
    users: listed(users),
    devices: listed(devices.filter((_one, index) => index % count === at)),
  }));
}

async function* listed<T>(lists: readonly T[]): AsyncGenerator<T> {
  yield* lists;
}

describe('a comparison of policies in parts', () => {
  it(
    'finds in the parts of a file what it finds in all of it, in the same order',
    async () => {
      await fc.assert(
        fc.asyncProperty(directory, async (stored) => {
          const store = new EmbeddedStore(':memory:');
          try {
            await write(store, stored);
            await checkParts(store);
          } finally {
            await store.close();
          }
        }),
        { numRuns: 60 },
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'finds in lists that Redis sent what it finds in all of it',
    async () => {
      const store = await openRedis();
      try {
        await fc.assert(
          fc.asyncProperty(directory, async (stored) => {
            await redis.clear();
            await write(store, stored);
            await checkParts(store);
          }),
          { numRuns: 20 },
        );
      } finally {
        await store.close();
      }
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('the parts of a directory', () => {
  it('are as many as have enough devices, about equally large, and hold each device once', async () => {
    const store = new EmbeddedStore(':memory:');
    const { spread } = store;
    const keys = Array.from({ length: 300 }, (_, index) => `phone${index}` as DeviceKey);
    await store.putDevices(keys.map((key) => deviceReport(key)));
    expect(await spread.parts(4, 301)).toHaveLength(1);
    expect(await spread.parts(4, 150)).toHaveLength(2);
    const parts = await spread.parts(4, 1);
    expect(parts).toHaveLength(4);
    const found: DeviceKey[][] = [];
    for (const part of structuredClone(parts)) {
      const own: DeviceKey[] = [];
      for await (const entries of spread.devices(part)) own.push(...Array.from(entries, ({ key }) => key));
      found.push(own);
    }
    for (const own of found) expect(own.length).toBeGreaterThan(40);
    expect(found.flat().toSorted()).toEqual(keys.toSorted());
    await store.close();
  });

  it('of an empty directory are one', async () => {
    const store = new EmbeddedStore(':memory:');
    expect(await store.spread.parts(4, 1)).toEqual([{ after: '', upTo: null }]);
    await store.close();
  });
});

describe('a directory in Redis', () => {
  it('knows whether it holds so many devices, and sends all users before the first device', async () => {
    await redis.clear();
    const store = await openRedis();
    const keys = Array.from({ length: 300 }, (_, index) => `phone${index}` as DeviceKey);
    await store.putDevices(keys.map((key) => deviceReport(key)));
    await store.putUsers(
      Array.from({ length: 300 }, (_, index) => userReport(`user${index}` as UserKey, { groups: [] })),
    );
    expect(await store.spread.holds(300)).toBe(true);
    expect(await store.spread.holds(301)).toBe(false);
    const sent: string[] = [];
    const found: DeviceKey[] = [];
    for await (const { kind, packed } of store.spread.scan()) {
      sent.push(kind);
      if (kind === 'devices') found.push(...Array.from(store.spread.devices(packed), ({ key }) => key));
    }
    expect(sent.toSorted().toReversed()).toEqual(sent);
    expect(found.toSorted()).toEqual(keys.toSorted());
    await store.close();
  });
});
