// Owns aliases in Redis, apart from the writes of the reports that name them: most stand in another partition. No script writes both, so
// writers of the same user may meet in between.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import { localPart } from '../../identity/user-names.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { readUserReport } from '../../model/user.ts';
import { MAX_JOINED, Targets } from '../joined-names.ts';
import { aliasesIn } from '../report-writes.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import type { Unread } from './commit-values.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { HashAccess, HashUpdate } from './hash-writer.ts';
import type { ReadHash } from './packed-reply.ts';
import { decodeUser, encodeName, encodeUser, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedUsers } from './stored-hashes.ts';

/** An alias, and the user whom it stands for. */
export interface UserAlias {
  readonly alias: UserKey;
  /** The folded local part of the alias. */
  readonly local: string;
  readonly user: UserKey;
}

/** What an alias shall stand for, given what it stands for now; undefined = it stays. */
type NextUser = (now: UserKey | null, user: UserKey) => UserKey | null | undefined;

/** Most times that aliases are compared with the reports, against other writers. */
const MAX_ROUNDS = 8;

/**
 * Writes which users aliases stand for. An alias of another user is taken over, and that user is added to `losers`. Most aliases are new:
 * they are written without being read, and those whose write is refused are read then. Returns the aliases that changed.
 */
export function takeAliases(
  access: HashAccess,
  keys: RedisKeys,
  aliases: readonly UserAlias[],
  losers: Set<UserKey>,
): Promise<readonly UserAlias[]> {
  const taken: NextUser = (now, user) => {
    if (now === user) return undefined;
    if (now !== null) losers.add(now);
    return user;
  };
  return writeAliases(access, keys, aliases, taken, ASSUMED_NEW);
}

/** The user that had taken an alias over may have lost it. Returns those that stood for nobody. */
export function keepAliases(
  access: HashAccess,
  keys: RedisKeys,
  aliases: readonly UserAlias[],
): Promise<readonly UserAlias[]> {
  return writeAliases(access, keys, aliases, (now, user) => (now === null ? user : undefined));
}

/** An alias that stands for another user by now stays. Returns those that stood for their users. */
export function dropAliases(
  access: HashAccess,
  keys: RedisKeys,
  aliases: readonly UserAlias[],
): Promise<readonly UserAlias[]> {
  return writeAliases(access, keys, aliases, (now, user) => (now === user ? null : undefined));
}

/**
 * Brings aliases into line with the reports: those that a report names stand for its user, the others do not. Whoever changes one reads the
 * reports again afterwards, so that of two writers the later one sees what both have written.
 */
export async function settleAliases(
  access: HashAccess,
  keys: RedisKeys,
  doubtful: readonly UserAlias[],
): Promise<void> {
  let open = apart(doubtful);
  for (let round = 1; open.length > 0; round += 1) {
    if (round > MAX_ROUNDS) throw new Error('the records keep changing');
    const named = await namedBy(access, keys, open);
    const isNamed = ({ alias, user }: UserAlias): boolean => named.get(user)?.has(alias) === true;
    const kept = await keepAliases(access, keys, open.filter(isNamed));
    const dropped = await dropAliases(
      access,
      keys,
      open.filter((far) => !isNamed(far)),
    );
    open = [...kept, ...dropped];
  }
}

/**
 * If names of changed users are aliases of other users, logs these users too, and so on up the chain: reports under an alias count for its user.
 * They are logged after the change, by writes that change no record. Whoever makes such a name an alias later logs that itself.
 */
export async function announceAbove(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  changed: ReadonlySet<UserKey>,
): Promise<void> {
  const found = new Set(changed);
  let next: readonly UserKey[] = [...changed];
  // A look-up follows no longer chain.
  for (let level = 0; next.length > 0 && level < MAX_JOINED; level += 1) {
    const above = new Set<UserKey>();
    const parts = byPartition(access, next, (user) => partitionOfUsers(foldedLocalPart(user)));
    await inParallel(access, parts, ({ partition, items }) => {
      const byLocal = [...Map.groupBy(items, (user) => foldedLocalPart(user))];
      const updates = byLocal.map(([local, users]) =>
        announcement(keys.users(local, partition), local, users, names, above),
      );
      return updateHashes(access, updates, 'u');
    });
    next = [...above].filter((user) => !found.has(user));
    for (const user of next) found.add(user);
  }
}

/** Logs the users of which users with one local part are aliases, and adds them to `above`. */
function announcement(
  key: string,
  local: string,
  users: readonly UserKey[],
  names: UserNames,
  above: Set<UserKey>,
): HashUpdate {
  return {
    key,
    join: (stored) => {
      const { aliases } = storedUsers(local, stored);
      const known = new Targets(aliases, names);
      const targets = new Set(users.flatMap((user) => known.of(user)));
      for (const target of targets) above.add(target);
      const fields = [...aliases].flatMap(([alias, user]) => {
        const text = encodeUser(local, user);
        return targets.has(user)
          ? [{ field: userField.alias(local, alias), expected: text, next: text }]
          : [];
      });
      return fields.length === 0 ? null : { fields, news: loggedNames([...targets]) };
    },
  };
}

/** Each once. */
function apart(aliases: readonly UserAlias[]): readonly UserAlias[] {
  return [...new Map(aliases.map((far) => [`${far.alias}\0${far.user}`, far])).values()];
}

/** The aliases that reports on the users name, by user. */
async function namedBy(
  access: HashAccess,
  keys: RedisKeys,
  aliases: readonly UserAlias[],
): Promise<ReadonlyMap<UserKey, ReadonlySet<UserKey>>> {
  const locals = new Set(aliases.map(({ user }) => foldedLocalPart(user)));
  const named = new Map<UserKey, Set<UserKey>>();
  const reader = new TolerantReader();
  await inParallel(access, byPartition(access, locals, partitionOfUsers), async ({ partition, items }) => {
    const hashes = await access.read(items.map((local) => ({ key: keys.users(local, partition) })));
    for (const [index, local] of items.entries()) {
      const { reports } = storedUsers(local, hashes[index]?.values ?? null);
      for (const { user, source, text } of reports) {
        const report = reader.read(text, (one) => readUserReport(user, source, one));
        if (report === null) continue;
        const before = named.get(user) ?? [];
        named.set(user, new Set([...before, ...aliasesIn([report])]));
      }
    }
  });
  return named;
}

/** What is assumed of an alias before it was read: the write is refused if it stands for somebody. */
const ASSUMED_NEW: ReadHash = { end: '', values: [null] };
const STANDS_FOR_NOBODY: Unread = { absent: [], beginning: '' };

/** `assumed`: what is assumed of each in place of being read; absent = they are read. Returns those that were written. */
async function writeAliases(
  access: HashAccess,
  keys: RedisKeys,
  aliases: readonly UserAlias[],
  nextUser: NextUser,
  assumed?: ReadHash,
): Promise<readonly UserAlias[]> {
  if (aliases.length === 0) return aliases;
  const written = new Set<UserAlias>();
  const parts = byPartition(access, aliases, ({ local }) => partitionOfUsers(local));
  await inParallel(access, parts, ({ partition, items }) =>
    updateHashes(
      access,
      items.map((far) => aliasUpdate(keys.users(far.local, partition), far, nextUser, written)),
      'u',
      assumed === undefined ? undefined : items.map(() => assumed),
    ),
  );
  return [...written];
}

/** `written` has the alias once a change of it was returned last. */
function aliasUpdate(key: string, far: UserAlias, nextUser: NextUser, written: Set<UserAlias>): HashUpdate {
  const { alias, local, user } = far;
  const field = userField.alias(local, alias);
  return {
    key,
    fields: [field],
    join: (stored) => {
      const expected = stored?.[0] ?? null;
      const now = expected === null ? null : decodeUser(local, expected);
      const next = nextUser(now, user);
      written.delete(far);
      if (next === undefined) return null;
      written.add(far);
      const names = now === null || now === user ? [alias] : [alias, now];
      const change = { field, expected, next: next === null ? null : encodeUser(local, next) };
      const unread = stored === ASSUMED_NEW.values ? STANDS_FOR_NOBODY : undefined;
      return { fields: [change], news: loggedNames(names), unread };
    },
  };
}

/** Readers of the log compare local parts: one name for each is enough. */
export function loggedNames(names: readonly UserKey[]): string {
  const [first] = names;
  if (names.length < 2) return first === undefined ? '' : encodeName(first);
  const byLocalPart = new Map<string, UserKey>();
  for (const name of names) if (!byLocalPart.has(localPart(name))) byLocalPart.set(localPart(name), name);
  return [...byLocalPart.values()].map(encodeName).join(' ');
}
