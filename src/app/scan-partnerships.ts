// Owns reading every partnership of the directory with the records that decide on it: for questions about all phones, such as whom
// another policy would keep out.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DeviceEntry, DirectoryStore, ScanPart, UserDevice, UserEntry } from '../directory/store.ts';
import { joinUserDevices } from '../directory/user-devices.ts';
import { foldedLocalPart } from '../identity/folded-name.ts';
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

/** How far a scan is: partnerships so far. */
export type OnProgress = (done: number) => void;

/** Users that are put together at once: about ten milliseconds. */
const USERS_AT_ONCE = 10_000;
/** Look-ups under way at once. */
const MAX_LOOKUPS = 64;

/**
 * Every partnership, in lists of limited size. `now`: milliseconds since the epoch. `withDevices` false = the devices of users are
 * not read. `among`: of the devices of this part; null = of all. `allUsers`: as the store returns them, where another thread reads them.
 */
export async function* scanPartnerships(
  store: DirectoryStore,
  now: number,
  withDevices: boolean,
  onProgress: OnProgress = () => undefined,
  among: ScanPart | null = null,
  allUsers: AsyncIterable<readonly UserEntry[]> = store.scanUsers(withDevices),
): AsyncIterable<readonly ScannedPartnership[]> {
  const users = await readUsers(store, withDevices, allUsers);
  let done = 0;
  for await (const part of store.scanDevices(among ?? undefined)) {
    const members: ScannedPartnership[] = [];
    const special: PartnershipRecord[] = [];
    for (const entry of part) {
      for (const partnership of entry.partnerships) {
        const user = canonical(users, partnership.user);
        if (isPlain(entry, partnership, user, users))
          members.push(memberOf(partnership, plainRecords(entry, partnership, user, users), now));
        else special.push(partnership);
      }
    }
    for (let at = 0; at < special.length; at += MAX_LOOKUPS)
      members.push(
        ...(await Promise.all(
          special
            .slice(at, at + MAX_LOOKUPS)
            .map(async (partnership) =>
              memberOf(partnership, await store.lookup(partnership.user, partnership.device), now),
            ),
        )),
      );
    done += members.length;
    onProgress(done);
    yield members;
  }
}

/** What is known of the users, by the names they are stored under. */
interface Users {
  readonly store: DirectoryStore;
  readonly records: ReadonlyMap<UserKey, UserRecord>;
  readonly aliases: ReadonlyMap<UserKey, UserKey>;
  /** Devices of each user, under all names; null = they were not read. */
  readonly devices: ReadonlyMap<UserKey, readonly UserDevice[]> | null;
  /** Folded local parts of users with a decision, or a record that is not understood. */
  readonly special: ReadonlySet<string>;
}

/** Most users are in the same few lists of groups: each list is kept once. Of a directory where they are not, the first ones are. */
class SharedGroups {
  private readonly lists = new Map<string, readonly string[]>();

  of(groups: readonly string[] | null): readonly string[] | null {
    if (groups === null || groups.length === 0 || groups.length > MAX_SHARED_GROUPS) return groups;
    const name = groups.join('\n');
    const known = this.lists.get(name);
    // A name may contain the separator.
    if (known?.length === groups.length && groups.every((group, at) => group === known[at])) return known;
    if (this.lists.size < MAX_SHARED_LISTS) this.lists.set(name, groups);
    return groups;
  }
}

const MAX_SHARED_LISTS = 50_000;
/** Longer lists take longer to compare than they save. */
const MAX_SHARED_GROUPS = 64;

async function readUsers(
  store: DirectoryStore,
  withDevices: boolean,
  allUsers: AsyncIterable<readonly UserEntry[]>,
): Promise<Users> {
  const records = new Map<UserKey, UserRecord>();
  const aliases = new Map<UserKey, UserKey>();
  const seen: (readonly [UserKey, readonly UserDevice[]])[] = [];
  const special = new Set<string>();
  const groups = new SharedGroups();
  for await (const part of allUsers) {
    for (const { key, record, decided, imported, devices, unreadable } of part) {
      if (record !== null) records.set(key, { ...record, groups: groups.of(record.groups) });
      for (const alias of record?.aliases ?? []) {
        aliases.set(alias, key);
      }
      if (withDevices && devices.length > 0) seen.push([key, devices]);
      if (isSpecial({ decided, imported, unreadable })) special.add(foldedLocalPart(key));
    }
  }
  // Whose an alias is, only the store knows: another user may have claimed it, and given it back.
  for (const [index, [name]] of seen.entries()) {
    const user = canonical({ store, aliases }, name);
    if (user !== name) for (const one of [name, user]) special.add(foldedLocalPart(one));
    if (index % USERS_AT_ONCE === 0) await nextTurn();
  }
  const users = { store, records, aliases, special: withRelated(special, records) };
  if (!withDevices) return { ...users, devices: null };
  const devices = new Map<UserKey, readonly UserDevice[]>();
  for (const [index, [name, own]] of seen.entries()) {
    const user = canonical(users, name);
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
function withRelated(
  special: ReadonlySet<string>,
  records: ReadonlyMap<UserKey, UserRecord>,
): ReadonlySet<string> {
  if (special.size === 0) return special;
  const all = new Set(special);
  for (const { key, aliases } of records.values()) {
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

function canonical({ store, aliases }: Pick<Users, 'store' | 'aliases'>, name: UserKey): UserKey {
  const grouped = store.names.canonical(name);
  return aliases.get(name) ?? (grouped === name ? name : (aliases.get(grouped) ?? grouped));
}

/** Whether no decision concerns it: then the records can be put together without a look-up. `target`: whose partnership it is. */
function isPlain(entry: DeviceEntry, { user }: PartnershipRecord, target: UserKey, users: Users): boolean {
  if (entry.decided.decision !== null || entry.imported.length > 0 || entry.unreadable !== undefined)
    return false;
  for (const { decision } of entry.decidedByUser.values()) if (decision !== null) return false;
  // Several partnerships of one device may be one user's, under several names.
  if (entry.partnerships.length > 1) return false;
  if (users.devices === null && target !== user) return false;
  if (users.special.size === 0) return true;
  const names = [user, target, ...(users.records.get(target)?.aliases ?? [])];
  return !names.some((name) => users.special.has(foldedLocalPart(name)));
}

function plainRecords(
  entry: DeviceEntry,
  partnership: PartnershipRecord,
  user: UserKey,
  users: Users,
): AccessRecords {
  return {
    user,
    userRecord: users.records.get(user) ?? null,
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
