// Owns the promises of users in Redis that several writers change at once.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HashAccess } from '../../src/directory/redis/hash-writer.ts';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { putUsers } from '../../src/directory/redis/user-writes.ts';
import { storedUsers } from '../../src/directory/redis/stored-hashes.ts';
import { foldedLocalPart } from '../../src/identity/folded-name.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { readUserReport } from '../../src/model/user.ts';
import type { UserObservation } from '../../src/model/user.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const KEYS = new RedisKeys('t:');

/** Hashes in memory, which are written as the script COMMIT writes them. `before` runs once, before the first write. */
function accessTo(
  hashes: Map<string, Map<string, string>>,
  before: () => Promise<unknown> = () => Promise.resolve(),
): HashAccess {
  let isFirst = true;
  return {
    read: async (wanted) =>
      wanted.map(({ key, fields }) => {
        const hash = hashes.get(key) ?? new Map<string, string>();
        return { end: '0-0', values: fields?.map((field) => hash.get(field) ?? null) ?? [...hash].flat() };
      }),
    commit: async (changes) => {
      if (isFirst) {
        isFirst = false;
        await before();
      }
      const failed: number[] = [];
      for (const [index, { key, change }] of changes.entries()) {
        const { fields } = change;
        const hash = hashes.get(key) ?? new Map<string, string>();
        if (!fields.every(({ field, expected }) => (hash.get(field) ?? null) === expected)) {
          failed.push(index + 1);
          continue;
        }
        for (const { field, next } of fields)
          if (next === null) hash.delete(field);
          else hash.set(field, next);
        hashes.set(key, hash);
      }
      return failed;
    },
  };
}

/** The same, with its steps in the order of a scheduler. */
function inSteps({ read, commit }: HashAccess, scheduler: fc.Scheduler): HashAccess {
  return {
    read: async (wanted) => {
      await scheduler.schedule(Promise.resolve());
      return read(wanted);
    },
    commit: async (changes, log) => {
      await scheduler.schedule(Promise.resolve());
      return commit(changes, log);
    },
  };
}

/** Aliases that reports on alice name. */
function namedIn(hashes: ReadonlyMap<string, ReadonlyMap<string, string>>): Set<string> {
  const { reports } = storedUsers('alice', [...(hashes.get(KEYS.users('alice')) ?? [])].flat());
  return new Set(reports.flatMap((one) => readUserReport(one.user, one.source, one.text).aliases ?? []));
}

function report(source: string, aliases: readonly string[], at: number): UserObservation {
  return { key: 'alice' as UserKey, source, observedAt: at, version: at, aliases };
}

const holds = (hashes: ReadonlyMap<string, unknown>): boolean =>
  (hashes.get(KEYS.users('xenia')) as ReadonlyMap<string, string>).size === 1;

// Threat: an alias that is lost. A decision on the user would no longer hold for a login under this name.
it.each([
  ['a newer report keeps while an older one ends it', ['xenia'], [], 2_000],
  ['two reports name at once, the newer one first', null, ['xenia'], 2_000],
] as const)('an alias stays that %s', async (_what, stored, older, at) => {
  const hashes = new Map<string, Map<string, string>>();
  const access = accessTo(hashes);
  if (stored !== null) await putUsers(access, KEYS, NO_GROUPS, [report('one', stored, 1_000)]);
  const during = (): Promise<unknown> =>
    putUsers(access, KEYS, NO_GROUPS, [report('one', ['xenia'], at + 1_000)]);
  expect(await putUsers(accessTo(hashes, during), KEYS, NO_GROUPS, [report('one', older, at)])).toEqual([
    'older',
  ]);
  expect(holds(hashes)).toBe(true);
});

it('an alias stays that one source begins to name while another one ends it', async () => {
  const hashes = new Map<string, Map<string, string>>();
  const access = accessTo(hashes);
  await putUsers(access, KEYS, NO_GROUPS, [report('one', ['xenia'], 1_000)]);
  await putUsers(access, KEYS, NO_GROUPS, [report('two', [], 1_000)]);
  const during = (): Promise<unknown> => putUsers(access, KEYS, NO_GROUPS, [report('two', ['xenia'], 2_000)]);
  await putUsers(accessTo(hashes, during), KEYS, NO_GROUPS, [report('one', [], 2_000)]);
  expect([...(hashes.get(KEYS.users('xenia')) ?? [])]).toHaveLength(1);
  await putUsers(access, KEYS, NO_GROUPS, [report('two', [], 3_000)]);
  expect([...(hashes.get(KEYS.users('xenia')) ?? [])]).toHaveLength(0);
});

/** The last one stands in the hash of the reports. */
const ALIASES = ['xenia', 'yvonne', 'alice@example.com'];
const observation = fc
  .record({
    source: fc.constantFrom('one', 'two'),
    aliases: fc.subarray(ALIASES),
    at: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ source, aliases, at }) => report(source, aliases, at));
const writers = fc.array(fc.array(observation, { minLength: 1, maxLength: 2 }), {
  minLength: 2,
  maxLength: 4,
});

// An alias that is left would make another user of a login; one that is lost would free a login of decisions on its user.
it('aliases are those of the reports in the end, in whatever order the steps of several writers come', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), writers, async (scheduler, written) => {
      const hashes = new Map<string, Map<string, string>>();
      const access = inSteps(accessTo(hashes), scheduler);
      const all = written.map(async (observations) => {
        for (const one of observations) await putUsers(access, KEYS, NO_GROUPS, [one]);
      });
      await scheduler.waitFor(Promise.all(all));
      const found = ALIASES.filter((alias) => {
        const local = foldedLocalPart(alias);
        const values = [...(hashes.get(KEYS.users(local)) ?? [])].flat();
        return storedUsers(local, values).aliases.get(alias as UserKey) === 'alice';
      });
      expect(new Set(found)).toEqual(namedIn(hashes));
    }),
    { numRuns: 500 },
  ));
