// Owns one run over a directory: everything, or what changed since the last run. All groups are read first, then users one by one.
import { ResultCodeError } from 'ldapts';
import { FeedError } from '../contract.ts';
import type { FeedAdapter, FeedPart, GoneRecord } from '../contract.ts';
import type { FeedLine } from '../record.ts';
import { DirectoryConnection } from './connection.ts';
import { readDirectory, readDomains } from './dialect.ts';
import type { Directory } from './dialect.ts';
import type { DirectoryEntry } from './entry.ts';
import { groupsDigest, readGroups, tooMany } from './groups.ts';
import { asGeneralizedTime, generalizedTime, readCursor, settingsDigest } from './ldap-cursor.ts';
import type { LdapCursor } from './ldap-cursor.ts';
import type { LdapSettings } from './settings.ts';
import { sourceIdOf, userAttributes, userLine } from './users.ts';
import type { UserReading } from './users.ts';

/** Lines handed over at a time. */
const PART = 1_000;

/** Users with their groups, of Active Directory or another LDAP directory. `now`: the time, in milliseconds since 1970. */
export function ldapFeed(source: string, settings: LdapSettings, now: () => number = Date.now): FeedAdapter {
  return {
    kind: 'ldap',
    complete: ['user'],
    async *run(cursor, signal) {
      const connection = await DirectoryConnection.open(settings, signal);
      try {
        yield* read({ connection, settings, source, began: now() }, cursor);
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        connection.end();
      }
    },
  };
}

/** What a run works with. */
interface LdapRun {
  readonly connection: DirectoryConnection;
  readonly settings: LdapSettings;
  readonly source: string;
  /** When it began, in milliseconds since 1970. */
  readonly began: number;
}

async function* read(run: LdapRun, text: string | null): AsyncGenerator<FeedPart> {
  const { connection, settings, source } = run;
  const directory = await readDirectory(connection, settings);
  // Before the members are read: what changes meanwhile changes the digest of the next run.
  const digest = await groupsDigest(connection, directory, settings);
  const before = text === null ? null : usable(readCursor(text), digest, run, directory);
  const groups = await readGroups(connection, directory, settings);
  const domains = directory.isActiveDirectory
    ? await readDomains(connection, directory)
    : new Map<string, string>();
  const reading: UserReading = { directory, settings, groups, domains, source };

  let line = 0;
  let latest = before?.at.by === 'time' ? (generalizedTime(before.at.time) ?? 0) : 0;
  let lines: FeedLine[] = [];
  const users = connection.search({
    base: settings.baseDn,
    scope: 'sub',
    filter:
      before === null ? directory.userFilter : `(&${directory.userFilter}${changedSince(before, settings)})`,
    attributes: userAttributes(directory, settings),
  });
  for await (const entry of users) {
    if (++line > settings.maxUsers) throw tooMany('users', settings.maxUsers, 'maxUsers');
    latest = Math.max(latest, changeTime(entry, directory));
    lines.push(userLine(entry, line, reading));
    if (lines.length < PART) continue;
    yield { lines };
    lines = [];
  }
  if (before === null && line === 0)
    throw new FeedError(
      'EASGATE_FEED_ANSWER',
      'the directory shows no user at all: check baseDn, userFilter and the rights of bindDn',
    );
  const gone = before === null ? [] : await deletedUsers(connection, directory, before);
  // A server whose clock is ahead must not hide what changes before it is that late.
  const at = position(run, directory, Math.min(latest, run.began));
  const cursor = at === null ? null : { version: 1, settings: settingsDigest(settings), groups: digest, at };
  yield { lines, gone, ...(cursor !== null && { cursor: JSON.stringify(cursor) }) };
}

/** The cursor, if its numbers mean something on this server. @throws FeedError */
function usable(cursor: LdapCursor | null, groups: string, run: LdapRun, directory: Directory): LdapCursor {
  if (cursor?.settings !== settingsDigest(run.settings)) return refuse('the settings of the feed changed');
  // A change of members changes the group, not the user.
  if (cursor.groups !== groups) return refuse('groups changed');
  const { at } = cursor;
  if (at.by === 'time')
    return !directory.isActiveDirectory && at.server === run.connection.url
      ? cursor
      : refuse('another server answers than last time');
  const { controller, invocation, usn } = directory;
  if (at.controller !== controller) return refuse('another domain controller answers than last time');
  if (at.invocation !== invocation || usn === null || usn < at.usn)
    return refuse('the database of the domain controller was restored');
  return cursor;
}

function refuse(why: string): never {
  throw new FeedError('EASGATE_FEED_CURSOR', `everything is read again: ${why}`);
}

function position(run: LdapRun, directory: Directory, latest: number): LdapCursor['at'] | null {
  const { isActiveDirectory, controller, invocation, usn } = directory;
  if (!isActiveDirectory)
    return latest <= 0 ? null : { by: 'time', server: run.connection.url, time: asGeneralizedTime(latest) };
  if (controller === null || invocation === null || usn === null) return null;
  return { by: 'usn', controller, invocation, usn };
}

function changedSince({ at }: LdapCursor, settings: LdapSettings): string {
  if (at.by === 'usn') return `(uSNChanged>=${String(at.usn + 1)})`;
  const since = Math.max((generalizedTime(at.time) ?? 0) - settings.overlapSeconds * 1_000, 0);
  return `(modifyTimestamp>=${asGeneralizedTime(since)})`;
}

function changeTime(entry: DirectoryEntry, { changeAttribute }: Directory): number {
  return changeAttribute === 'modifyTimestamp' ? (generalizedTime(entry.text(changeAttribute)) ?? 0) : 0;
}

/**
 * Users that Active Directory deleted since the cursor. None where the account may not read deleted objects, and in other
 * directories: then the next full run notices that they are missing.
 */
async function deletedUsers(
  connection: DirectoryConnection,
  directory: Directory,
  { at }: LdapCursor,
): Promise<GoneRecord[]> {
  const gone: GoneRecord[] = [];
  if (directory.defaultContext === null || at.by !== 'usn') return gone;
  try {
    const deleted = connection.search({
      base: `CN=Deleted Objects,${directory.defaultContext}`,
      scope: 'sub',
      filter: `(&(isDeleted=TRUE)(objectClass=user)(uSNChanged>=${String(at.usn + 1)}))`,
      attributes: [directory.idAttribute],
      deleted: true,
    });
    for await (const entry of deleted) {
      const sourceId = sourceIdOf(entry, directory);
      if (sourceId !== null) gone.push({ kind: 'user', sourceId });
      if (gone.length >= MAX_GONE) throw new FeedError('EASGATE_FEED_CURSOR', 'too many users were deleted');
    }
  } catch (error) {
    if (error instanceof FeedError && error.cause instanceof ResultCodeError) return gone;
    throw error;
  }
  return gone;
}

const MAX_GONE = 100_000;
