// Owns the reading of groups: their members, however long, and whether any group changed since the last run.
import type { DirectoryConnection } from './connection.ts';
import type { Directory } from './dialect.ts';
import { dnKey, guidText } from './entry.ts';
import type { DirectoryEntry } from './entry.ts';
import { GroupClosure } from './group-closure.ts';
import { SetDigest } from './ldap-cursor.ts';
import type { LdapSettings } from './settings.ts';
import { FeedError } from '../contract.ts';

/** All groups of a directory. */
export interface Groups {
  readonly closure: GroupClosure;
  /** By SID, as hexadecimal digits: the number of the group. For primary groups. */
  readonly bySid: ReadonlyMap<string, number>;
}

/**
 * Digest of every group with the number of its last change: it differs when a group was changed, renamed, added or deleted. A change of
 * members changes the group, not its members (memberOf is computed).
 */
export async function groupsDigest(
  connection: DirectoryConnection,
  directory: Directory,
  settings: LdapSettings,
): Promise<string> {
  const { idAttribute, changeAttribute } = directory;
  const digest = new SetDigest();
  const entries = connection.search({
    base: settings.groupBaseDn ?? settings.baseDn,
    scope: 'sub',
    filter: directory.groupFilter,
    // entryCSN is finer than modifyTimestamp; directories without it do not answer it.
    attributes: [idAttribute, changeAttribute, 'entryCSN'],
  });
  for await (const entry of entries) {
    const id = directory.isActiveDirectory ? guidText(entry.bytes(idAttribute)) : entry.text(idAttribute);
    const change = entry.text('entryCSN') ?? entry.text(changeAttribute) ?? '';
    digest.add(`${id ?? ''} ${dnKey(entry.dn)} ${change}`);
  }
  return digest.toString();
}

/** Reads all groups with their members. @throws FeedError */
export async function readGroups(
  connection: DirectoryConnection,
  directory: Directory,
  settings: LdapSettings,
): Promise<Groups> {
  const wanted = settings.groupNames;
  const closure = new GroupClosure(
    wanted === undefined ? null : new Set(wanted.map((name) => name.toLowerCase())),
  );
  const bySid = new Map<string, number>();
  let count = 0;
  const entries = connection.search({
    base: settings.groupBaseDn ?? settings.baseDn,
    scope: 'sub',
    filter: directory.groupFilter,
    attributes: [
      settings.groupNameAttribute,
      ...directory.memberAttributes,
      ...(directory.isActiveDirectory ? ['objectSid'] : []),
    ],
  });
  for await (const entry of entries) {
    const name = entry.text(settings.groupNameAttribute);
    const key = dnKey(entry.dn);
    if (name === null) continue;
    if (++count > settings.maxGroups) throw tooMany('groups', settings.maxGroups, 'maxGroups');
    const group = closure.addGroup(key, name);
    const sid = entry.bytes('objectSid');
    if (sid !== null) bySid.set(sid.toString('hex'), group);
    for (const attribute of directory.memberAttributes)
      for await (const member of members(connection, entry, attribute)) {
        closure.addMember(group, dnKey(member));
        if (closure.memberships > settings.maxMemberships)
          throw tooMany('memberships', settings.maxMemberships, 'maxMemberships');
      }
  }
  return { closure, bySid };
}

export function tooMany(what: string, most: number, field: string): FeedError {
  return new FeedError(
    'EASGATE_FEED_ANSWER',
    `the directory has more than ${String(most)} ${what}: narrow the filter, or raise ${field}`,
  );
}

/** Members of a group; long lists come in parts, which are asked for one by one (MS-ADTS 3.1.1.3.1.3.3). */
async function* members(
  connection: DirectoryConnection,
  group: DirectoryEntry,
  attribute: string,
): AsyncGenerator<string> {
  yield* group.texts(attribute);
  let range = group.range(attribute);
  while (range !== null) {
    yield* range.values;
    if (range.next === null) return;
    const start = range.next;
    const more = await connection.read(group.dn, [`${attribute};range=${String(start)}-*`]);
    range = more?.range(attribute) ?? null;
    // A list that ends in the middle would remove the rest of the group.
    if (range === null || (range.next !== null && range.next <= start))
      throw new FeedError(
        'EASGATE_FEED_ANSWER',
        `${connection.url}: the members of a group end in the middle, after ${String(start)}; its list changed meanwhile, or the account may not read it`,
      );
  }
}
