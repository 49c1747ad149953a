// Owns reading every partnership of the directory with the records that decide on it: for questions about all phones, such as whom
// another policy would keep out.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DeviceEntry, DirectoryStore, UserDevice, UserEntry } from '../directory/store.ts';
import { joinUserDevices } from '../directory/user-devices.ts';
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { UserNames } from '../identity/user-names.ts';
import { NONE, NameIndex } from '../name-index.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import type { UserRecord } from '../model/user.ts';
import { readAccess } from '../policy/access-facts.ts';
import type { Access } from '../policy/access-facts.ts';
import type { AccessRecords } from '../policy/access-records.ts';

/** A partnership and everything that decides on it. */
export interface ScannedPartnership {
  readonly device: DeviceKey;
  /** The name that the partnership is stored under. */
  readonly user: UserKey;
  readonly partnership: PartnershipRecord;
  readonly access: Access;
}

/** Users that are put together at once: about ten milliseconds. */
const USERS_AT_ONCE = 10_000;
/** Look-ups under way at once. */
const MAX_LOOKUPS = 64;

/** What is read: all users first, then devices, as the store returns them. */
export interface ReadRecords {
  readonly users: AsyncIterable<Iterable<UserEntry>>;
  readonly devices: AsyncIterable<Iterable<DeviceEntry>>;
}

/**
 * Every partnership, in lists of limited size. A list is to be walked over once, and to its end, before the next one is asked for: each partnership
 * is put together when it is asked for (decisions/0197). `now`: milliseconds since the epoch. `withDevices` false = the devices of users are not
 * read. `read`: where it is a part of the directory, or another thread reads it.
 */
export async function* scanPartnerships(
  store: DirectoryStore,
  now: number,
  withDevices: boolean,
  read: ReadRecords = { users: store.scanUsers(withDevices), devices: store.scanDevices() },
): AsyncIterable<Iterable<ScannedPartnership>> {
  const users = await readUsers(store, withDevices, read.users);
  for await (const part of read.devices) {
    const special: PartnershipRecord[] = [];
    yield plainMembers(part, users, now, special);
    for (let at = 0; at < special.length; at += MAX_LOOKUPS)
      yield await Promise.all(
        special
          .slice(at, at + MAX_LOOKUPS)
          .map(async (partnership) =>
            memberOf(partnership, await store.lookup(partnership.user, partnership.device), now),
          ),
      );
  }
}

/** Partnerships that need no look-up; the others are added to `special`. */
function* plainMembers(
  entries: Iterable<DeviceEntry>,
  users: Users,
  now: number,
  special: PartnershipRecord[],
): Generator<ScannedPartnership> {
  for (const entry of entries)
    for (const partnership of entry.partnerships) {
      const owner = ownerOf(users, partnership.user);
      if (isPlain(entry, partnership, owner, users))
        yield memberOf(partnership, plainRecords(entry, partnership, owner, users), now);
      else special.push(partnership);
    }
}

const NO_NAMES: readonly UserKey[] = [];

/**
 * Users by key, by alias, and by both with `identity.domains` applied. A `Map` of strings takes three times as long to find one of a
 * million names.
 */
class UsersByName {
  readonly all: UserRecord[] = [];
  private readonly numbers = new NameIndex();
  private readonly grouped = new NameIndex();
  private readonly names: UserNames;

  constructor(names: UserNames) {
    this.names = names;
  }

  /** Null = nobody has the name. */
  get(name: UserKey): UserRecord | null {
    const number = this.numbers.get(name);
    // -1 must not be the index: V8 treats it as a property name, which slows every read of this list.
    return number === NONE ? null : (this.all[number] ?? null);
  }

  /**
   * Returns names that are both the key of a user and an alias of another one, and names of two users that `identity.domains` makes the
   * same. Only the store can tell which user such a name belongs to, and which reports count (decisions/0190).
   */
  add(record: UserRecord): readonly UserKey[] {
    const { key, aliases } = record;
    const number = this.all.push(record) - 1;
    let claimed = NO_NAMES;
    const owner = this.get(key);
    // A walk may come across a user twice.
    if (owner === null || owner.key === key) this.numbers.set(key, number);
    else claimed = [key];
    for (const alias of aliases) {
      if (alias !== key && this.get(alias)?.key === alias) claimed = [...claimed, alias];
      this.numbers.set(alias, number);
    }
    return this.names.hasGroups ? [...claimed, ...this.addGrouped(record, number)] : claimed;
  }

  /** The user with a name that `identity.domains` makes the same as this canonical one. */
  inGroup(grouped: UserKey): UserRecord | null {
    return this.names.hasGroups ? (this.all[this.grouped.get(grouped)] ?? null) : null;
  }

  private addGrouped({ key, aliases }: UserRecord, number: number): readonly UserKey[] {
    let claimed = NO_NAMES;
    for (const name of [key, ...aliases]) {
      const grouped = this.names.canonical(name);
      const owner = this.all[this.grouped.get(grouped)];
      if (owner !== undefined && owner.key !== key) claimed = [...claimed, name];
      else this.grouped.set(grouped, number);
    }
    return claimed;
  }
}

/** What is known of the users. */
interface Users {
  readonly store: DirectoryStore;
  readonly records: UsersByName;
  /** Devices of each user, under all names; null = they were not read. */
  readonly devices: ReadonlyMap<UserKey, readonly UserDevice[]> | null;
  /** Folded local parts of users with a decision, or a record that is not understood. */
  readonly special: ReadonlySet<string>;
}

/** Most users are in the same few lists of groups: each list is kept once. Of a directory where they are not, the first ones are. */
class SharedGroups {
  private readonly lists = new Map<string, readonly string[]>();

  /** A list of these groups that is never the given list itself (see {@link keptUser}). */
  of(groups: readonly string[] | null): readonly string[] | null {
    if (groups === null) return null;
    if (groups.length === 0 || groups.length > MAX_SHARED_GROUPS) return groups.slice();
    const name = groups.join('\n');
    const known = this.lists.get(name);
    if (known !== undefined && haveSameLengths(known, groups)) return known;
    const own = groups.slice();
    if (this.lists.size < MAX_SHARED_LISTS) this.lists.set(name, own);
    return own;
  }
}

/**
 * The user in objects of its own. If the lists that the parser made were kept, V8 would conclude that all lists made there live long, also those of
 * devices, and allocate them and what is stored in them where only a full garbage collection frees them (decisions/0197).
 */
function keptUser(
  { key, aliases, groups, enabled, attributes }: UserRecord,
  shared: SharedGroups,
): UserRecord {
  return { key, aliases: aliases.slice(), groups: shared.of(groups), enabled, attributes };
}

/** Of two lists that are the same text when joined: whether they are the same lists. A name may contain the separator. */
function haveSameLengths(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at]?.length !== other[at]?.length) return false;
  return true;
}

const MAX_SHARED_LISTS = 50_000;
/** Longer lists take longer to compare than they save. */
const MAX_SHARED_GROUPS = 64;

async function readUsers(
  store: DirectoryStore,
  withDevices: boolean,
  allUsers: AsyncIterable<Iterable<UserEntry>>,
): Promise<Users> {
  const records = new UsersByName(store.names);
  const seen: (readonly [UserKey, readonly UserDevice[]])[] = [];
  const special = new Set<string>();
  const groups = new SharedGroups();
  for await (const part of allUsers) {
    for (const { key, record, decided, imported, devices, unreadable } of part) {
      if (record !== null) {
        const claimed = records.add(keptUser(record, groups));
        for (const name of claimed) special.add(foldedLocalPart(name));
      }
      if (withDevices && devices.length > 0) seen.push([key, devices]);
      if (isSpecial({ decided, imported, unreadable })) special.add(foldedLocalPart(key));
    }
  }
  // Whose an alias is, only the store knows: another user may have claimed it, and given it back.
  for (const [index, [name]] of seen.entries()) {
    const { user } = ownerOf({ store, records }, name);
    if (user !== name) for (const one of [name, user]) special.add(foldedLocalPart(one));
    if (index % USERS_AT_ONCE === 0) await nextTurn();
  }
  const users = { store, records, special: withRelated(special, records) };
  if (!withDevices) return { ...users, devices: null };
  const devices = new Map<UserKey, readonly UserDevice[]>();
  for (const [index, [name, own]] of seen.entries()) {
    const { user } = ownerOf(users, name);
    const before = devices.get(user);
    devices.set(user, before === undefined ? own : [...before, ...own]);
    if (index % USERS_AT_ONCE === 0) await nextTurn();
  }
  let joined = 0;
  for (const [user, own] of devices) {
    if (own.length > 1) devices.set(user, joinUserDevices(own));
    if (++joined % USERS_AT_ONCE === 0) await nextTurn();
  }
  return { ...users, devices };
}

/** A decision on one name of a user concerns everybody who may be that user under another name. */
function withRelated(special: ReadonlySet<string>, records: UsersByName): ReadonlySet<string> {
  if (special.size === 0) return special;
  const all = new Set(special);
  for (const { key, aliases } of records.all) {
    const parts = [key, ...aliases].map(foldedLocalPart);
    if (parts.some((part) => special.has(part))) for (const part of parts) all.add(part);
  }
  return all;
}

function isSpecial({
  decided,
  imported,
  unreadable,
}: Pick<UserEntry, 'decided' | 'imported'> & {
  readonly unreadable: readonly string[] | undefined;
}): boolean {
  return decided.decision !== null || imported.length > 0 || unreadable !== undefined;
}

/** Whose a name is; `record` null = nothing more is known of the user. */
interface Owner {
  readonly user: UserKey;
  readonly record: UserRecord | null;
}

function ownerOf({ store, records }: Pick<Users, 'store' | 'records'>, name: UserKey): Owner {
  const grouped = store.names.canonical(name);
  const record = records.get(name) ?? records.inGroup(grouped);
  if (grouped === name || (record !== null && record.key !== name))
    return { user: record?.key ?? name, record };
  const other = records.get(grouped) ?? records.inGroup(grouped);
  return { user: other?.key ?? grouped, record: other };
}

/** Whether no decision concerns it: then the records can be put together without a look-up. `owner`: whose partnership it is. */
function isPlain(entry: DeviceEntry, { user }: PartnershipRecord, owner: Owner, users: Users): boolean {
  if (entry.decided.decision !== null || entry.imported.length > 0 || entry.unreadable !== undefined)
    return false;
  for (const { decision } of entry.decidedByUser.values()) if (decision !== null) return false;
  // Several partnerships of one device may be one user's, under several names.
  if (entry.partnerships.length > 1) return false;
  if (users.devices === null && owner.user !== user) return false;
  if (users.special.size === 0) return true;
  const names = [user, owner.user, ...(owner.record?.aliases ?? [])];
  return !names.some((name) => users.special.has(foldedLocalPart(name)));
}

function plainRecords(
  entry: DeviceEntry,
  partnership: PartnershipRecord,
  { user, record: userRecord }: Owner,
  users: Users,
): AccessRecords {
  return {
    user,
    userRecord,
    ...(users.devices !== null && { userDevices: users.devices.get(user) ?? [] }),
    usersOnDevice: 1,
    device: entry.record,
    deviceDecision: null,
    partnershipDecision: null,
    namesakeDecisions: [],
    partnership,
  };
}

function memberOf(partnership: PartnershipRecord, records: AccessRecords, now: number): ScannedPartnership {
  const { user, device, deviceType } = partnership;
  return { device, user, partnership, access: readAccess(records, { user, device, deviceType }, now) };
}
