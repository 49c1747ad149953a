// Owns the test that both stores keep the same: one random history of writes reads back alike from a SQLite file and from Redis.
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import type { DecisionSubject } from '../../src/model/decision.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from '../support/checks/fuzz-runs.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import {
  BY_TEST,
  decision,
  deviceReport,
  seenPartnership,
  userReport,
  wipeDecision,
  noticed,
} from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { allDevices, allUsers } from './contract/handles.ts';

checkLeaksAtEnd();

let redis: TestRedis;
useRedis((server) => (redis = server));

/** One write; `run` resolves with what it answers. */
interface Write {
  readonly what: unknown;
  readonly run: (store: DirectoryStore) => Promise<unknown>;
}

const SOURCES = ['mdm', 'jamf'];
const DEVICES = ['phone1', 'phone2', 'tablet'] as DeviceKey[];
/** Names with one local part, with others, and with a domain. */
const USERS = ['alice', 'alice@contoso.com', 'bob', 'bob@contoso.com', 'carol'] as UserKey[];
const ALIASES = ['al', 'alice@contoso.com', 'bob@fabrikam.com', 'carol@contoso.com'] as UserKey[];

const device = fc.constantFrom(...DEVICES);
const user = fc.constantFrom(...USERS, ...ALIASES);
const source = fc.constantFrom(...SOURCES);
const time = fc.integer({ min: 1, max: 60 });
const subject: fc.Arbitrary<DecisionSubject> = fc.oneof(
  fc.record({ device, user: fc.constant(null) }),
  fc.record({ device, user }),
  fc.record({ device: fc.constant(null), user }),
);
const fact = fc.option(fc.boolean());
const action = fc.constantFrom('allow', 'block', 'quarantine');

const observation = fc
  .record(
    {
      key: device,
      source,
      observedAt: time,
      version: fc.integer({ min: 0, max: 3 }),
      managed: fact,
      compliant: fact,
      encrypted: fact,
      osVersion: fc.constantFrom(null, '17.4', '18.0'),
      owner: fc.option(user),
      unmetRequirements: fc.constantFrom<string[]>([], ['passcode']),
      attributes: fc.constantFrom({}, { threat: 'low' }, { threat: 'high', score: 7 }),
      removed: fc.boolean(),
    },
    { requiredKeys: ['key', 'source', 'observedAt'] },
  )
  .map((one) => deviceReport(one.key, one));

const userObservation = fc
  .record(
    {
      key: user,
      source,
      observedAt: time,
      enabled: fact,
      groups: fc.constantFrom(null, [], ['Pilot'], ['Pilot', 'Sales']),
      aliases: fc.uniqueArray(fc.constantFrom(...ALIASES), { maxLength: 2 }),
      attributes: fc.constantFrom({}, { site: 'Bern' }),
      removed: fc.boolean(),
    },
    { requiredKeys: ['key', 'source', 'observedAt'] },
  )
  .map((one) => userReport(one.key, one));

const write: fc.Arbitrary<Write> = fc.oneof(
  fc
    .array(observation, { minLength: 1, maxLength: 4 })
    .map((putDevices): Write => ({ what: { putDevices }, run: (store) => store.putDevices(putDevices) })),
  // Of two users who come with the same alias in one call, either may have it: they are written side by side in Redis.
  fc
    .array(userObservation, { minLength: 1, maxLength: 1 })
    .map((putUsers): Write => ({ what: { putUsers }, run: (store) => store.putUsers(putUsers) })),
  fc.tuple(user, device, time, fc.constantFrom('a', 'b')).map(([name, id, at, userAgent]): Write => {
    const recordSeen = [seenPartnership(name, id, at, { userAgent })];
    return { what: { recordSeen }, run: (store) => noticed(store, recordSeen) };
  }),
  fc.tuple(subject, fc.option(action)).map(([on, made]): Write => {
    const one = made === null ? null : decision(made);
    return { what: { decide: on, made }, run: (store) => store.decide(on, one, BY_TEST) };
  }),
  fc.tuple(subject, source, fc.option(action)).map(([on, from, made]): Write => {
    const one = { ...on, decision: made === null ? null : decision(made) };
    return { what: { putImported: one, from }, run: (store) => store.putImported(from, [one]) };
  }),
  fc.tuple(device, user, time, fc.boolean()).map(([id, name, at, ofUser]): Write => {
    const on = { device: id, user: ofUser ? name : null };
    const wipe = wipeDecision(at, 'wipe', name, id);
    return { what: { wipe: on, at }, run: (store) => store.decide(on, wipe, BY_TEST) };
  }),
  fc
    .tuple(device, user, time, fc.boolean(), fc.constantFrom(1 as const, 2 as const))
    .map(([id, name, requestedAt, ofUser, status]): Write => {
      const of = ofUser ? name : null;
      const order = { requestedAt, user: name };
      return {
        what: { answersWipe: id, of, ...order, status },
        run: async (store) => [
          await store.noteWipeTold(of, id, { ...order, at: requestedAt + 1 }),
          await store.acknowledgeWipe(of, id, { ...order, status, at: requestedAt + 2 }),
        ],
      };
    }),
);

describe('a SQLite file and Redis', () => {
  it(
    'answer the same to every write of a random history, and have the same afterwards',
    async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-12-01T10:00:00Z') });
      const folder = mkdtempSync(join(tmpdir(), 'easgate-agree-'));
      let files = 0;
      try {
        await fc.assert(
          fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 25 }), async (writes) => {
            await redis.clear();
            const file = new EmbeddedStore(join(folder, `${files++}.db`), NO_GROUPS, UNGUARDED, SOURCES);
            const server = await RedisStore.open(
              { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 },
              NO_GROUPS,
              UNGUARDED,
              SOURCES,
            );
            try {
              for (const one of writes) expect(await answer(server, one)).toEqual(await answer(file, one));
              expect(await contents(server)).toEqual(await contents(file));
            } finally {
              await Promise.all([file.close(), server.close()]);
            }
          }),
          { numRuns: Math.ceil(FUZZ_RUNS / 50) },
        );
      } finally {
        vi.useRealTimers();
        rmSync(folder, { recursive: true, force: true });
      }
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** What a write answers; whether a second server has it is no matter here. */
async function answer(store: DirectoryStore, write: Write): Promise<unknown> {
  const answered = await write.run(store);
  return answered !== null && typeof answered === 'object' && 'replicated' in answered ? 'written' : answered;
}

/** Everything that can be read, without positions of the log. */
async function contents(store: DirectoryStore): Promise<unknown> {
  const lookups: unknown[] = [];
  const pairs = [...new Set([...USERS, ...ALIASES])].flatMap((user) =>
    DEVICES.map((device) => ({ user, device })),
  );
  const together = await Promise.all(store.lookups(pairs));
  for (const [at, { user, device }] of pairs.entries()) {
    const alone = await store.lookup(user, device);
    expect(together[at]).toEqual(alone);
    lookups.push([user, device, inOrder({ ...alone, position: null })]);
  }
  return {
    lookups,
    devices: (await allDevices(store)).map(inOrder),
    users: (await allUsers(store)).map(inOrder),
    unreadable: await store.unreadable(),
  };
}

/** Lists whose order means something: reports by precedence, devices by first seen. */
const ORDERED = new Set(['reports', 'userDevices', 'devices']);

/** The same with its other lists in the order of their texts. */
function inOrder(entry: object): object {
  return Object.fromEntries(
    Object.entries(entry).map(([name, value]) => [
      name,
      Array.isArray(value) && !ORDERED.has(name) ? value.map((one) => JSON.stringify(one)).sort() : value,
    ]),
  );
}
