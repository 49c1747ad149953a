// Owns writing users to Redis: their reports, and their aliases, which may stand in other partitions.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import { readUserReport, userReportText } from '../../model/user.ts';
import type { UserObservation, UserReport } from '../../model/user.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { joinUserReport } from '../user-reports.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { FieldChange, HashAccess, HashChange, HashUpdate } from './hash-writer.ts';
import { encodeName, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';

/** Observations of the users with one folded local part. */
interface LocalPart {
  readonly local: string;
  /** In the order in which they came; `at` = the place of the outcome. */
  readonly observations: { readonly at: number; readonly observation: UserObservation }[];
}

/** An alias with another local part than its user. */
interface FarAlias {
  readonly alias: UserKey;
  readonly user: UserKey;
}

/** What the observations of one local part come to. */
interface Joined {
  readonly change: HashChange | null;
  readonly outcomes: readonly { readonly at: number; readonly outcome: ReportOutcome }[];
  readonly added: readonly FarAlias[];
  readonly removed: readonly FarAlias[];
}

/** Joins the observations with what is stored, and writes them. The outcomes are in their order. */
export async function putUsers(
  access: HashAccess,
  keys: RedisKeys,
  observations: readonly UserObservation[],
): Promise<readonly ReportOutcome[]> {
  const outcomes: ReportOutcome[] = observations.map(() => 'older');
  const locals = new Map<string, LocalPart>();
  for (const [at, observation] of observations.entries()) {
    const local = foldedLocalPart(observation.key);
    const part = locals.get(local);
    if (part === undefined) locals.set(local, { local, observations: [{ at, observation }] });
    else part.observations.push({ at, observation });
  }
  const parts = byPartition(locals.values(), ({ local }) => partitionOfUsers(local));
  await inParallel(parts, async (part) => {
    const seen = await access.read(part.map(({ local }) => ({ key: keys.users(local) })));
    const planned = part.map((one, index) => join(one, seen[index]?.values ?? null));
    // The aliases elsewhere come first: if they cannot be written, the next report of the user still brings them.
    const added = planned.flatMap((plan) => plan.added);
    await point(access, keys, added);
    const done = [...planned];
    const updates = part.map((one, index): HashUpdate => ({
      wanted: { key: keys.users(one.local) },
      join: (stored) => {
        const plan = stored === (seen[index]?.values ?? null) ? planned[index] : undefined;
        const result = plan ?? join(one, stored);
        done[index] = result;
        return result.change;
      },
    }));
    await updateHashes(access, updates, { name: 'u' }, seen);
    // Another writer of the same users may have been faster.
    const redone = done.filter((result, index) => result !== planned[index]);
    await point(
      access,
      keys,
      redone.flatMap((result) => result.added),
    );
    const kept = new Set(done.flatMap((result) => result.added.map(({ alias }) => alias)));
    const removed = [
      ...done.flatMap((result) => result.removed),
      ...added.filter(({ alias }) => !kept.has(alias)),
    ];
    await unpoint(access, keys, removed);
    for (const { outcomes: found } of done) for (const { at, outcome } of found) outcomes[at] = outcome;
  });
  return outcomes;
}

/** Joins the observations of one local part with its hash. */
function join({ local, observations }: LocalPart, stored: readonly (string | null)[] | null): Joined {
  const before = textsOf(stored);
  const after = new Map(before);
  const news = new Set<UserKey>();
  const outcomes: Joined['outcomes'][number][] = [];
  const now = Date.now();
  for (const { at, observation } of observations) {
    const { key, source } = observation;
    const field = userField.report(source, key);
    const joined = joinUserReport(reportIn(after, field, key, source), observation, now);
    outcomes.push({ at, outcome: joined === null ? 'older' : joined.isNews ? 'news' : 'stored' });
    if (joined === null) continue;
    after.set(field, userReportText(joined.report));
    if (joined.isNews) news.add(key);
  }
  const added: FarAlias[] = [];
  const removed: FarAlias[] = [];
  for (const user of news) {
    const [had, has] = [aliasesIn(before, user), aliasesIn(after, user)];
    for (const alias of has) {
      if (had.has(alias)) continue;
      if (foldedLocalPart(alias) === local) after.set(userField.alias(alias), user);
      else added.push({ alias, user });
    }
    for (const alias of had) {
      if (has.has(alias)) continue;
      if (foldedLocalPart(alias) !== local) removed.push({ alias, user });
      else if (after.get(userField.alias(alias)) === user) after.delete(userField.alias(alias));
    }
  }
  return { change: changeOf(before, after, newsOf(news, added, removed)), outcomes, added, removed };
}

/** The names that changed, for the log: aliases of the same local part are those of their user. */
function newsOf(
  users: ReadonlySet<UserKey>,
  added: readonly FarAlias[],
  removed: readonly FarAlias[],
): string {
  const names = new Set<UserKey>([...users, ...[...added, ...removed].map(({ alias }) => alias)]);
  return [...names].map(encodeName).join(' ');
}

function changeOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  news: string,
): HashChange | null {
  const fields: FieldChange[] = [];
  for (const [field, next] of after) {
    const expected = before.get(field) ?? null;
    if (expected !== next) fields.push({ field, expected, next });
  }
  for (const [field, expected] of before) if (!after.has(field)) fields.push({ field, expected, next: null });
  return fields.length === 0 ? null : { fields, news };
}

function textsOf(values: readonly (string | null)[] | null): Map<string, string> {
  const texts = new Map<string, string>();
  if (values !== null)
    for (let at = 0; at + 1 < values.length; at += 2) texts.set(values[at] ?? '', values[at + 1] ?? '');
  return texts;
}

/** A malformed report is overwritten. */
function reportIn(
  texts: ReadonlyMap<string, string>,
  field: string,
  user: UserKey,
  source: string,
): UserReport | null {
  return new TolerantReader().read(texts.get(field), (text) => readUserReport(user, source, text));
}

/** The aliases of a user by the reports of all sources. */
function aliasesIn(texts: ReadonlyMap<string, string>, user: UserKey): Set<UserKey> {
  const end = `:${encodeName(user)}`;
  const aliases = new Set<UserKey>();
  for (const field of texts.keys()) {
    if (!field.startsWith('r:') || !field.endsWith(end)) continue;
    for (const alias of reportIn(texts, field, user, '')?.aliases ?? []) aliases.add(alias as UserKey);
  }
  aliases.delete(user);
  return aliases;
}

/** Lets aliases with other local parts stand for their users. One that stood for another user is taken over. */
function point(access: HashAccess, keys: RedisKeys, aliases: readonly FarAlias[]): Promise<void> {
  return writeAliases(access, keys, aliases, (stored, user) => (stored === user ? undefined : user));
}

/** Takes aliases away; one that stands for another user by now stays. */
function unpoint(access: HashAccess, keys: RedisKeys, aliases: readonly FarAlias[]): Promise<void> {
  return writeAliases(access, keys, aliases, (stored, user) => (stored === user ? null : undefined));
}

/** `next`: undefined = it stays as it is. */
async function writeAliases(
  access: HashAccess,
  keys: RedisKeys,
  aliases: readonly FarAlias[],
  next: (stored: string | null, user: UserKey) => UserKey | null | undefined,
): Promise<void> {
  if (aliases.length === 0) return;
  const parts = byPartition(aliases, ({ alias }) => partitionOfUsers(foldedLocalPart(alias)));
  await inParallel(parts, (part) =>
    updateHashes(
      access,
      part.map(({ alias, user }): HashUpdate => {
        const field = userField.alias(alias);
        return {
          wanted: { key: keys.users(foldedLocalPart(alias)), fields: [field] },
          join: (stored) => {
            const expected = stored?.[0] ?? null;
            const target = next(expected, user);
            if (target === undefined) return null;
            return { fields: [{ field, expected, next: target }], news: encodeName(alias) };
          },
        };
      }),
      { name: 'u' },
    ),
  );
}
