// Owns writing users to Redis: their reports, and their aliases, which may stand in other partitions.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { UserObservation } from '../../model/user.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { aliasesIn, writeOfUser } from '../report-writes.ts';
import type { SourceText } from '../stored-records.ts';
import {
  announceAbove,
  dropAliases,
  keepAliases,
  loggedNames,
  settleAliases,
  takeAliases,
} from './alias-writes.ts';
import type { UserAlias } from './alias-writes.ts';
import type { FieldChange, HashChange } from './commit-values.ts';
import { SMALL, byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { HashAccess, HashUpdate } from './hash-writer.ts';
import type { WantedHash } from './lookup-batch.ts';
import type { ReadHash } from './packed-reply.ts';
import { encodeUser, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedUsers } from './stored-hashes.ts';
import { Targets } from '../joined-names.ts';

/** Observations of the users with one folded local part. */
interface Observed {
  readonly local: string;
  /** In the order in which they came; `at` = the place of the outcome. */
  readonly observations: { readonly at: number; readonly observation: UserObservation }[];
}

/** What the observations of one local part come to. */
interface Plan {
  readonly users: readonly UserKey[];
  readonly change: HashChange;
  readonly outcomes: readonly { readonly at: number; readonly outcome: ReportOutcome }[];
  /** Aliases elsewhere that a report names now, named before too, or names no more. */
  readonly added: readonly UserAlias[];
  readonly kept: readonly UserAlias[];
  readonly removed: readonly UserAlias[];
  /** Likewise, in the hash of the user itself. */
  readonly ended: readonly UserAlias[];
  /** Users that changed because one of their aliases did. The users of which these are aliases must be logged, too. */
  readonly related: readonly UserKey[];
}

/** Joins the observations with what is stored, and writes them. The outcomes are in their order. */
export async function putUsers(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  observations: readonly UserObservation[],
): Promise<readonly ReportOutcome[]> {
  const outcomes: ReportOutcome[] = observations.map(() => 'older');
  const locals = new Map<string, Observed>();
  for (const [at, observation] of observations.entries()) {
    const local = foldedLocalPart(observation.key);
    const observed = locals.get(local);
    if (observed === undefined) locals.set(local, { local, observations: [{ at, observation }] });
    else observed.observations.push({ at, observation });
  }
  const all = [...locals.values()];
  for (let at = 0; at < all.length;) {
    const some = all.slice(at, at + (access.size?.() ?? SMALL).hashes * SCRIPTS);
    for (const plan of await putSome(access, keys, names, some))
      for (const { at: place, outcome } of plan.outcomes) outcomes[place] = outcome;
    at += some.length;
  }
  return outcomes;
}

/**
 * How many scripts the local parts fill that are written together. Their aliases are in all partitions: those of few would make as many
 * scripts as those of many.
 */
const SCRIPTS = 16;

/** The users of some local parts of one partition. */
interface Users {
  readonly items: readonly Observed[];
  readonly wanted: readonly WantedHash[];
  readonly seen: readonly ReadHash[];
  /** Made from what was read. */
  readonly plans: readonly Plan[];
  /** As they were written: made anew where another writer was faster. */
  readonly done: Plan[];
}

/** Writes the users of some local parts. Returns the plans as they were written. */
async function putSome(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  observed: readonly Observed[],
): Promise<readonly Plan[]> {
  const parts: Users[] = [];
  await inParallel(
    access,
    byPartition(access, observed, ({ local }) => partitionOfUsers(local)),
    async ({ partition, items }) => {
      await access.turn?.(items.length);
      const wanted = items.map(({ local }) => ({ key: keys.users(local, partition) }));
      const seen = await access.read(wanted);
      const plans = items.map((one, index) => planOf(one, names, seen[index]?.values ?? null));
      parts.push({ items, wanted, seen, plans, done: [...plans] });
    },
  );
  // The aliases elsewhere come first: if what follows fails, the next report of the user still brings them, or puts back what
  // was taken away.
  const plans = parts.flatMap((part) => part.plans);
  const [added, removed] = [plans.flatMap((plan) => plan.added), plans.flatMap((plan) => plan.removed)];
  const related = new Set<UserKey>();
  const taken = new Set(await takeAliases(access, keys, added, related));
  await dropAliases(access, keys, removed);
  await inParallel(access, parts, ({ items, wanted, seen, plans: planned, done }) => {
    const updates = items.map((one, index): HashUpdate => ({
      key: wanted[index]?.key ?? '',
      join: (stored) => {
        const first = stored === (seen[index]?.values ?? null) ? planned[index] : undefined;
        const plan = first ?? planOf(one, names, stored);
        done[index] = plan;
        return plan.change;
      },
    }));
    return updateHashes(access, updates, 'u', seen);
  });
  const done = parts.flatMap((part) => part.done);
  const kept = done.flatMap((plan) => [...plan.kept, ...plan.added]);
  const restored = await keepAliases(access, keys, kept);
  const redone = done.filter((plan, index) => plan !== plans[index]);
  const replaced = plans.filter((plan, index) => plan !== done[index]);
  await takeAliases(
    access,
    keys,
    redone.flatMap((plan) => plan.added),
    related,
  );
  // Another writer of the same users may have been faster: what was planned may not hold.
  const doubtful = [
    ...removed,
    ...added.filter((far) => !taken.has(far)),
    ...restored,
    ...done.flatMap((plan) => plan.ended),
    ...[...replaced, ...redone].flatMap((plan) => [...plan.added, ...plan.kept, ...plan.removed]),
  ];
  await settleAliases(access, keys, doubtful);
  for (const plan of done) for (const user of plan.related) related.add(user);
  for (const { alias } of restored) related.add(alias);
  // In its group of domains a name may have stood for another user, or does so from now on.
  if (names.hasGroups)
    for (const plan of [...plans, ...done])
      for (const { alias } of [...plan.added, ...plan.removed]) related.add(alias);
  await announceAbove(access, keys, names, related);
  return done;
}

/** Joins the observations of one local part with its hash. */
function planOf(
  { local, observations }: Observed,
  names: UserNames,
  values: readonly (string | null)[] | null,
): Plan {
  const stored = storedUsers(local, values);
  const [first] = observations;
  if (first !== undefined && observations.length === 1) {
    const plan = planOfUnchanged(local, first, stored.reports);
    if (plan !== null) return plan;
  }
  const reports = Map.groupBy(stored.reports, ({ user }) => user) as Map<UserKey, readonly SourceText[]>;
  const fields = new Map<string, FieldChange>();
  const aliases = new Map(stored.aliases);
  const targets = new Targets(stored.aliases, names);
  const news = new Set<UserKey>();
  const outcomes: Plan['outcomes'][number][] = [];
  const ended: UserAlias[] = [];
  /** Aliases that must still be as they were read when the hash is written: another process may change them meanwhile. */
  const named = new Set<UserKey>();
  const related = new Set<UserKey>();
  const far = { added: [] as UserAlias[], kept: [] as UserAlias[], removed: [] as UserAlias[] };
  const now = Date.now();
  for (const { at, observation } of observations) {
    const { key, source } = observation;
    const before = reports.get(key) ?? [];
    const write = writeOfUser(before, observation, now);
    outcomes.push({ at, outcome: write.outcome });
    if (write.text === null) continue;
    const after = before.filter((one) => one.source !== source && !write.obsolete.includes(one.source));
    reports.set(key, [...after, { source, text: write.text }]);
    for (const [from, next] of [[source, write.text], ...write.obsolete.map((one) => [one, null])] as const)
      if (from !== null) addField(fields, stored.reports, local, key, from, next);
    // Which aliases the user has rests on what the other sources say, too: they must be as they were read.
    for (const { source: other, text } of after)
      if (!fields.has(userField.report(local, other, key)))
        addField(fields, stored.reports, local, key, other, text);
    const [had, has] = [aliasesIn(write.before), aliasesIn(write.after)];
    const changed = new Set([key, ...had, ...has]);
    const moved = new Set<UserKey>();
    for (const alias of changed) {
      if (alias === key) continue;
      const ofAlias = foldedLocalPart(alias);
      const [wasNamed, isNamed] = [had.has(alias), has.has(alias)];
      if (ofAlias !== local) {
        far[isNamed ? (wasNamed ? 'kept' : 'added') : 'removed'].push({ alias, local: ofAlias, user: key });
        // An alias that is written elsewhere has an entry of the log there.
        if (!(wasNamed && isNamed)) changed.delete(alias);
        continue;
      }
      if (!isNamed) {
        if (aliases.get(alias) === key) {
          aliases.delete(alias);
          moved.add(alias);
        }
        ended.push({ alias, local, user: key });
        continue;
      }
      named.add(alias);
      if (!wasNamed || !aliases.has(alias)) {
        const former = aliases.get(alias);
        if (former !== undefined) {
          changed.add(former);
          related.add(former);
        }
        aliases.set(alias, key);
        // Without news, too: another user may have given it back.
        moved.add(key);
        moved.add(alias);
      }
    }
    for (const name of moved) {
      news.add(name);
      // In its group of domains it may have stood for another user.
      for (const user of targets.of(name)) related.add(user);
    }
    if (write.outcome !== 'news') continue;
    for (const name of changed) news.add(name);
    // Reports under an alias count for its user (decisions/0190).
    named.add(key);
    for (const user of targets.of(key)) related.add(user);
  }
  for (const one of aliasFields(local, stored.aliases, aliases, named)) fields.set(one.field, one);
  for (const user of related) news.add(user);
  const users = observations.map(({ observation }) => observation.key);
  return {
    users,
    change: { fields: [...fields.values()], news: loggedNames([...news]) },
    outcomes,
    ...far,
    ended,
    related: [...related],
  };
}

/** The plan where nothing changes but when the user was observed, as of most users that a feed reports again; null = more may change. */
function planOfUnchanged(
  local: string,
  { at, observation }: Observed['observations'][number],
  stored: readonly (SourceText & { readonly user: UserKey })[],
): Plan | null {
  const { key, source } = observation;
  const before = stored.every(({ user }) => user === key)
    ? stored
    : stored.filter(({ user }) => user === key);
  if (!before.some((one) => one.source === source)) return null;
  const write = writeOfUser(before, observation, Date.now());
  const { text } = write;
  if (write.outcome !== 'stored' || text === null) return null;
  const kept: UserAlias[] = [];
  // No fact changed, so the reports name the aliases that they named before.
  for (const alias of aliasesIn(write.after)) {
    const ofAlias = foldedLocalPart(alias);
    if (alias === key) continue;
    if (ofAlias === local) return null;
    kept.push({ alias, local: ofAlias, user: key });
  }
  const fields = before.map((one) => ({
    field: userField.report(local, one.source, key),
    expected: one.text,
    next: one.source === source ? text : one.text,
  }));
  return {
    users: [key],
    change: { fields, news: '' },
    outcomes: [{ at, outcome: 'stored' }],
    kept,
    ...NO_ALIASES,
  };
}

const NO_ALIASES = { added: [], removed: [], ended: [], related: [] } as const;

/** Fields of aliases in the hash of their user: those that change, and those in `named`, which are only compared. */
function aliasFields(
  local: string,
  before: ReadonlyMap<UserKey, UserKey>,
  after: ReadonlyMap<UserKey, UserKey>,
  named: ReadonlySet<UserKey>,
): FieldChange[] {
  const textOf = (user: UserKey | undefined): string | null =>
    user === undefined ? null : encodeUser(local, user);
  return [...new Set([...before.keys(), ...after.keys(), ...named])]
    .map((alias) => ({
      alias,
      field: userField.alias(local, alias),
      expected: textOf(before.get(alias)),
      next: textOf(after.get(alias)),
    }))
    .filter(({ alias, expected, next }) => expected !== next || named.has(alias));
}

function addField(
  fields: Map<string, FieldChange>,
  stored: readonly (SourceText & { readonly user: UserKey })[],
  local: string,
  user: UserKey,
  source: string,
  next: string | null,
): void {
  const field = userField.report(local, source, user);
  const expected = stored.find((one) => one.user === user && one.source === source)?.text ?? null;
  fields.set(field, { field, expected, next });
}
