// Owns the promises of users whom sources name differently: what is reported under each of their names counts for all of them, in both stores,
// and whatever changes for a login is logged under a name by which its verdict is found in memory (decisions/0190).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DirectoryStore, LogPosition, LookupResult } from '../../src/directory/store.ts';
import { foldedLocalPart } from '../../src/identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { UserNames } from '../../src/identity/user-names.ts';
import type { UserReport } from '../../src/model/user.ts';
import { FUZZ_TIMEOUT_MS } from '../support/checks/fuzz-runs.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { userReport } from '../support/servers/directory-records.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';

checkLeaksAtEnd();

let redis: TestRedis;
useRedis((server) => (redis = server));

const PHONE = 'phone1' as DeviceKey;
const SOURCES = ['ldap', 'entra'];
/** Four names with local parts of their own, and one more with the local part of the first. */
const NAMES = ['dave', 'd.miller@a.test', 'miller@a.test', 'a\\dm', 'dave@a.test'] as UserKey[];
const GROUPS: { what: string; groups: string[][] }[] = [
  { what: 'no groups of domains', groups: [] },
  { what: 'grouped domains', groups: [['a.test', 'b.test', 'a']] },
];
/** Where domains are grouped, also their other spellings. */
const SPELLINGS = [...NAMES, 'd.miller@b.test', 'a\\dave'] as UserKey[];

const observation = fc.record(
  {
    key: fc.constantFrom(...SPELLINGS),
    source: fc.constantFrom(...SOURCES),
    enabled: fc.constantFrom(null, true, false),
    groups: fc.constantFrom(null, [], ['staff'], ['board']),
    aliases: fc.uniqueArray(fc.constantFrom(...SPELLINGS), { maxLength: 2 }),
    attributes: fc.constantFrom({}, { site: 'Bern' }, { site: 'Rome', level: 1 }),
    removed: fc.constant(true),
    sourceId: fc.constantFrom('id1', 'id2'),
  },
  { requiredKeys: ['key', 'source', 'aliases'] },
);
type Reported = typeof observation extends fc.Arbitrary<infer T> ? T : never;
const written = fc.array(observation, { minLength: 1, maxLength: 9 });

/** Checks random reports in both stores. */
async function inBoth(
  groups: readonly (readonly string[])[],
  runs: number,
  check: (store: DirectoryStore, reports: readonly Reported[]) => Promise<void>,
  examples: readonly (readonly Reported[])[] = [],
): Promise<void> {
  const names = new UserNames(groups);
  const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
  const server = await RedisStore.open(options, names, UNGUARDED, SOURCES);
  try {
    await fc.assert(
      fc.asyncProperty(written, async (reports) => {
        const file = new EmbeddedStore(':memory:', names, UNGUARDED, SOURCES);
        try {
          await check(file, reports);
        } finally {
          await file.close();
        }
        await redis.clear();
        await check(server, reports);
      }),
      { numRuns: runs, examples: examples.map((reports) => [[...reports]]) },
    );
  } finally {
    await server.close();
  }
}

async function lookups(store: DirectoryStore): Promise<ReadonlyMap<UserKey, LookupResult>> {
  const found = new Map<UserKey, LookupResult>();
  for (const name of SPELLINGS) found.set(name, await store.lookup(name, PHONE));
  return found;
}

/** What a policy sees of the user of a login. */
function seen({ user, userRecord }: LookupResult): unknown {
  if (userRecord === null) return { user, ...NOTHING };
  const { groups, enabled, attributes, aliases } = userRecord;
  return { user, groups, enabled, attributes, names: [...new Set([user, ...aliases])].toSorted() };
}

const NOTHING = { groups: null, enabled: null, attributes: {}, names: [] };

/** The manual, read a second time: users are the parts that hang together of a graph of names, each with an edge to whom it stands for. */
class Manual {
  private readonly owners = new Map<string, string>();
  private reports: readonly UserReport[] = [];

  /** Takes over the reports as they are stored after a write of one on `key`. */
  take(key: UserKey, reports: readonly UserReport[]): void {
    const named = (all: readonly UserReport[]): Set<string> =>
      new Set(all.filter((one) => one.key === key).flatMap(({ aliases }) => aliases ?? []));
    const [before, after] = [named(this.reports), named(reports)];
    for (const name of before)
      if (!after.has(name) && this.owners.get(name) === key) this.owners.delete(name);
    for (const name of after) if (!before.has(name) || !this.owners.has(name)) this.owners.set(name, key);
    this.reports = reports;
  }

  seen(name: UserKey): unknown {
    const names = this.namesOf(name);
    const user = this.userOf(names);
    const own = this.inOrder(
      user,
      this.reports.filter(({ key }) => names.has(key)),
    );
    if (own.length === 0) return { user, ...NOTHING };
    const told = new Set([user, ...own.flatMap(({ key, aliases }) => [key, ...(aliases ?? [])])]);
    const present = own.filter(({ removed }) => removed !== true);
    const judged = [...names].map((one) => this.enabledAs(one, present));
    for (const one of this.behind(told))
      if (!names.has(one) && this.enabledAs(one, this.present(one, present)) === false) judged.push(false);
    return {
      user,
      groups: present.find(({ groups }) => groups !== null)?.groups ?? null,
      enabled: judged.includes(false) ? false : judged.includes(true) ? true : null,
      attributes: Object.assign({}, ...own.map(({ attributes }) => attributes).toReversed()),
      names: [...told].toSorted(),
    };
  }

  /** With the names that reports on them name, and so on. */
  private behind(told: ReadonlySet<string>): ReadonlySet<string> {
    const all = new Set(told);
    for (const name of all)
      for (const { key, aliases } of this.reports)
        if (key === name) for (const alias of aliases ?? []) all.add(alias);
    return all;
  }

  private namesOf(name: string): Set<string> {
    const names = new Set([name]);
    for (const one of names)
      for (const [alias, owner] of this.owners) {
        if (alias === one) names.add(owner);
        if (owner === one) names.add(alias);
      }
    return names;
  }

  /** Who stands for nobody else; where all do, the first of those that stand for each other. */
  private userOf(names: ReadonlySet<string>): string {
    const top = [...names].find((name) => !this.owners.has(name));
    if (top !== undefined) return top;
    const round = [...names].filter((name) => {
      let at = this.owners.get(name);
      for (let steps = 0; at !== name && steps < names.size; steps++) at = this.owners.get(at ?? '');
      return at === name;
    });
    return round.toSorted()[0] ?? '';
  }

  private inOrder(user: string, reports: readonly UserReport[]): readonly UserReport[] {
    const rank = ({ source, key }: UserReport): string =>
      `${SOURCES.indexOf(source)} ${key === user ? '' : key}`;
    return reports.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }

  /** Reports that are not removed, of two users who have the same name. */
  private present(disputed: string, own: readonly UserReport[]): readonly UserReport[] {
    const others = this.namesOf(disputed);
    return [...own, ...this.reports.filter(({ key, removed }) => others.has(key) && removed !== true)];
  }

  /** `present`: who has the user still. */
  private enabledAs(name: string, present: readonly UserReport[]): boolean | null {
    const own = this.inOrder(
      name,
      this.reports.filter(({ key }) => key === name),
    );
    for (const one of own) {
      if (one.enabled === null) continue;
      const isRenamed = present.some(
        ({ key, source, sourceId }) =>
          source === one.source &&
          key !== name &&
          ((sourceId !== null && sourceId === one.sourceId) ||
            present.some((other) => other.key === key && other.aliases?.includes(name) === true)),
      );
      const isBack = own.some(
        ({ removed, enabled, observedAt }) =>
          removed !== true && enabled !== null && observedAt > one.observedAt,
      );
      if (one.removed !== true || !(isRenamed || isBack)) return one.enabled;
    }
    return null;
  }
}

async function allReports(store: DirectoryStore): Promise<UserReport[]> {
  const found: (UserReport | null)[] = [];
  for (const source of SOURCES) found.push(...(await store.getUserReports(source, SPELLINGS)));
  return found.filter((one) => one !== null);
}

describe('whatever sources report', () => {
  it(
    'a login has the facts that the manual gives it, under every name',
    () =>
      inBoth([], 100, async (store, reports) => {
        const manual = new Manual();
        for (const [at, one] of reports.entries()) {
          await store.putUsers([userReport(one.key, { ...one, observedAt: at + 1, version: at })]);
          manual.take(one.key, await allReports(store));
        }
        for (const [name, found] of await lookups(store))
          expect([name, seen(found)]).toEqual([name, manual.seen(name)]);
      }),
    FUZZ_TIMEOUT_MS,
  );

  it.each(GROUPS)(
    'each change for a login is logged under its name, or the name of the user for which it stood: $what',
    ({ groups }) =>
      inBoth(
        groups,
        40,
        async (store, reports) => {
          let before = await lookups(store);
          for (const [at, one] of reports.entries()) {
            const position = await store.position();
            await store.putUsers([userReport(one.key, { ...one, observedAt: at + 1, version: at })]);
            const after = await lookups(store);
            const changed = SPELLINGS.filter((name) => {
              const [was, is] = [certain(before, name), certain(after, name)];
              return was !== null && is !== null && was !== is;
            });
            const logged = changed.length === 0 ? NOBODY : await loggedAfter(store, position, at);
            for (const name of changed) {
              const { user } = lookupIn(before, name);
              const isLogged = [name, user].some((by) => logged.has(foldedLocalPart(by)));
              expect([name, isLogged]).toEqual([name, true]);
            }
            before = after;
          }
        },
        LOGGED,
      ),
    FUZZ_TIMEOUT_MS,
  );
});

const said = (key: string, source: string, aliases: readonly string[], removed?: true): Reported => ({
  key: key as UserKey,
  source,
  aliases: aliases as UserKey[],
  ...(removed === true && { removed }),
});
/** Found by random runs. */
const LOGGED = [
  // A user takes an alias over and gives it back; the former one is reported again, without news.
  [
    said('a\\dm', 'ldap', ['dave@a.test'], true),
    said('d.miller@b.test', 'entra', ['dave@a.test']),
    said('d.miller@b.test', 'entra', []),
    said('a\\dm', 'ldap', ['dave@a.test'], true),
  ],
  // A name stands for somebody by another name of its group of domains, until it is an alias itself.
  [
    said('dave@a.test', 'ldap', ['d.miller@a.test']),
    said('d.miller@b.test', 'ldap', ['a\\dave']),
    said('dave', 'ldap', ['dave@a.test']),
    said('dave', 'ldap', []),
  ],
  // An alias ends, and another name of its group of domains stands for another user.
  [
    said('a\\dm', 'ldap', ['d.miller@b.test']),
    said('d.miller@a.test', 'ldap', []),
    said('d.miller@b.test', 'ldap', ['a\\dm']),
    said('dave', 'ldap', ['d.miller@a.test']),
    said('dave', 'ldap', []),
  ],
  [
    said('a\\dave', 'ldap', []),
    said('miller@a.test', 'ldap', ['dave@a.test']),
    said('dave', 'ldap', ['a\\dave']),
    said('dave', 'ldap', []),
  ],
];

/** Counts how many names are compared. */
class CountingNames extends UserNames {
  count = 0;

  override canonical(user: UserKey): UserKey {
    this.count += 1;
    return super.canonical(user);
  }
}

describe('a name that thousands of users have in domains of their own', () => {
  const USERS = 1_000;
  const FEW = (USERS * USERS) / 4;
  const all = Array.from({ length: USERS }, (_, at) =>
    userReport(`info@domain${at}.test` as UserKey, { aliases: [`info@alias${at}.test`] }),
  );

  it('is compared a few times for each of them, not with each other one, by a look-up and by a write', async () => {
    for (const kind of ['redis', 'embedded'] as const) {
      const names = new CountingNames([['a.test', 'b.test']]);
      const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
      const store =
        kind === 'redis'
          ? await RedisStore.open(options, names, UNGUARDED, SOURCES)
          : new EmbeddedStore(':memory:', names, UNGUARDED, SOURCES);
      try {
        await store.putUsers(all);
        await store.putUsers(all.map((one) => ({ ...one, observedAt: 2, groups: ['staff'] })));
        expect([kind, names.count < FEW]).toEqual([kind, true]);
        for (const name of ['info@domain7.test', 'info@a.test'] as UserKey[]) {
          names.count = 0;
          const { userRecord } = await store.lookup(name, PHONE);
          expect([name, userRecord?.groups]).toEqual([name, name === 'info@a.test' ? undefined : ['staff']]);
          expect([name, names.count < FEW]).toEqual([name, true]);
        }
      } finally {
        await store.close();
      }
    }
  });

  it('is written to Redis, and written again, with more values than a script can pass to a command', async () => {
    await redis.clear();
    const options = { url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
    const store = await RedisStore.open(options, new UserNames([]), UNGUARDED, SOURCES);
    try {
      for (const observedAt of [1, 2]) {
        const users = Array.from({ length: 9_000 }, (_, at) =>
          userReport(`info@domain${at}.test` as UserKey, { observedAt, enabled: observedAt === 1 }),
        );
        await store.putUsers(users);
      }
      const { userRecord } = await store.lookup('info@domain8999.test' as UserKey, PHONE);
      expect(userRecord?.enabled).toBe(false);
    } finally {
      await store.close();
    }
  });
});

const NOBODY: ReadonlySet<string> = new Set();

/** Folded local parts of the users in the log. */
async function loggedAfter(
  store: DirectoryStore,
  position: LogPosition,
  at: number,
): Promise<ReadonlySet<string>> {
  // Something is always there to be read.
  await store.putUsers([userReport('marker' as UserKey, { observedAt: at + 1, groups: [`${at}`] })]);
  const { changes } = await store.changesAfter(position);
  return new Set(changes.map(({ user }) => foldedLocalPart(user ?? '')));
}

/**
 * Null = another user has one of the names, too: of what is reported under it a user who lost it learns when its verdict is read again
 * (decisions/0190).
 */
function certain(all: ReadonlyMap<UserKey, LookupResult>, name: UserKey): string | null {
  const found = lookupIn(all, name);
  const aliases = found.userRecord?.aliases ?? [];
  return aliases.every((alias) => lookupIn(all, alias).user === found.user)
    ? JSON.stringify(seen(found))
    : null;
}

function lookupIn(found: ReadonlyMap<UserKey, LookupResult>, name: UserKey): LookupResult {
  const result = found.get(name);
  if (result === undefined) throw new Error(name);
  return result;
}
