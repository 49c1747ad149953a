// Owns writing what was seen at the mail server to Redis: partnerships, and the devices of users. No verdict changes by it.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { partnershipText, seenPartnership } from '../../model/partnership.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import type { UserDevice } from '../store.ts';
import type { StoredUsers } from '../stored-records.ts';
import { joinSeen, signalsOfDevices, signalsOfNew } from '../seen-partnerships.ts';
import { MAX_COUNTED, joinUserDevices } from '../user-devices.ts';
import type { FieldChange, HashChange, Unread } from './commit-values.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { HashAccess, HashUpdate } from './hash-writer.ts';
import type { ReadHash } from './packed-reply.ts';
import type { CreateAccess } from './new-records.ts';
import { recordNew } from './new-partnerships.ts';
import { placesOf } from './record-places.ts';
import { deviceField, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedAliases, storedDevice, userDevicesIn, userDevicesText } from './stored-hashes.ts';

/** Most names of one local part of which devices are kept. */
const MAX_NAMES = 1_000;

/**
 * A key of another type keeps its device or user out, until an operator or a feed writes it anew. What a phone does must not end that: with the
 * hash a block may have been lost.
 */
const LEFT_ALONE = null;

/** Stands for the hash of a device that was not read: the write is refused if the device has a partnership. */
const ASSUMED_UNSEEN: ReadHash = { end: '', values: [] };
const NEVER_SEEN: Unread = { absent: [], beginning: 'p:' };

/** Called for each event that written partnerships raise, such as a second user of a device. */
type OnSignal = (signal: PartnershipSignal) => void;

/** Writes partnerships. */
export class SeenWriter {
  private readonly keys: RedisKeys;
  private readonly names: UserNames;
  /** In the last call, most devices had no partnership: then it is faster to write first, and to read only the devices whose write is refused. */
  private mostlyUnseen = false;
  /** Likewise in the last call with access for records that may be new; at first they may be. */
  private mayBeNew = true;

  constructor(keys: RedisKeys, names: UserNames) {
    this.keys = keys;
    this.names = names;
  }

  /** Writes partnerships under the users that their logins stand for. `create`: access for records that may be new; null = few of them are, or on a Cluster. */
  async record(
    access: HashAccess,
    create: CreateAccess | null,
    batch: readonly PartnershipRecord[],
    onSignal: OnSignal,
  ): Promise<void> {
    const { keys, names } = this;
    if (create === null) return this.join(access, batch, onSignal);
    const rest = this.mayBeNew ? await recordNew(create, [keys, names], batch, onSignal) : batch;
    if (rest.length > 0) await this.join(access, rest, onSignal);
    this.mayBeNew = rest.length < batch.length / 2 || this.mostlyUnseen;
  }

  private async join(
    access: HashAccess,
    batch: readonly PartnershipRecord[],
    onSignal: OnSignal,
  ): Promise<void> {
    const { keys, names } = this;
    const locals = batch.map(({ user }) => foldedLocalPart(user));
    const users = await readUsers(access, keys, new Set(locals));
    const records = batch.map((record, at) => {
      const local = locals[at] ?? '';
      const known = underUser(names, record, users.get(local)?.aliases);
      if (known !== record) locals[at] = foldedLocalPart(known.user);
      return known;
    });
    const signals = new Map<string, readonly PartnershipSignal[]>();
    const note = (place: string): void => {
      for (const signal of signals.get(place) ?? NOTHING) onSignal(signal);
    };
    const { firsts, several } = placesOf(records, ({ device }) => device);
    const ofDevice = (at: number): readonly PartnershipRecord[] =>
      (several.get(at) ?? [at]).map((place) => records[place] as PartnershipRecord);
    await inParallel(
      access,
      byPartition(access, firsts, (at) => partitionOfDevice((records[at] as PartnershipRecord).device)),
      async ({ partition, items }) => {
        const devices = items.map(ofDevice);
        await this.putPartnerships(access, partition, devices, signals);
        if (signals.size > 0) for (const [seen] of devices) note(seen?.device ?? '');
      },
    );
    const ofUsers = Map.groupBy(records, (_, at) => locals[at] ?? '');
    await inParallel(
      access,
      byPartition(access, ofUsers, ([local]) => partitionOfUsers(local)),
      async ({ partition, items }) => {
        await updateHashes(
          access,
          items.map(([local, seen]) => ({
            key: keys.users(local, partition),
            ...NAMES_AND_DEVICES,
            join: (stored) => devicesAfter(stored, local, seen, signals),
          })),
          'u',
          items.map(([local]) => users.get(local)?.hash),
        );
        if (signals.size > 0) for (const [local] of items) note(`${local}\0`);
      },
    );
  }

  private async putPartnerships(
    access: HashAccess,
    partition: number,
    devices: readonly (readonly PartnershipRecord[])[],
    signals: Map<string, readonly PartnershipSignal[]>,
  ): Promise<void> {
    const { keys, names, mostlyUnseen } = this;
    let known = 0;
    const updates = devices.map((seen): HashUpdate => ({
      key: keys.device((seen[0] as PartnershipRecord).device, partition),
      beginning: 'p:',
      isRare: true,
      join: (stored) => {
        if (stored === null || stored.length > 0) known += 1;
        return partnershipsAfter(stored, seen, names, signals);
      },
    }));
    await updateHashes(access, updates, 'd', mostlyUnseen ? devices.map(() => ASSUMED_UNSEEN) : undefined);
    this.mostlyUnseen = known < devices.length / 2;
  }
}

/** Reports, which are longer, are not read. */
const NAMES_AND_DEVICES = { beginning: 'a:d:', isRare: true } as const;

/** What is stored of the users with one folded local part: their aliases and devices. */
interface UsersRead {
  readonly hash: ReadHash;
  readonly aliases: StoredUsers['aliases'];
}

/** Reads the users of the logins, by folded local part. */
async function readUsers(
  access: HashAccess,
  keys: RedisKeys,
  locals: Iterable<string>,
): Promise<ReadonlyMap<string, UsersRead>> {
  const users = new Map<string, UsersRead>();
  await inParallel(access, byPartition(access, locals, partitionOfUsers), async ({ partition, items }) => {
    const hashes = await access.read(
      items.map((local) => ({ key: keys.users(local, partition), ...NAMES_AND_DEVICES })),
    );
    for (const [index, local] of items.entries()) {
      const hash = hashes[index];
      if (hash !== undefined) users.set(local, { hash, aliases: storedAliases(local, hash.values) });
    }
  });
  return users;
}

/** The record under the user that an alias of the directory names, else under the one by the groups of domains. */
function underUser(
  names: UserNames,
  record: PartnershipRecord,
  aliases: StoredUsers['aliases'] | undefined,
): PartnershipRecord {
  const grouped = names.canonical(record.user);
  const user = aliases?.get(record.user) ?? aliases?.get(grouped) ?? grouped;
  return user === record.user ? record : { ...record, user };
}

/** Joins what was seen of one device with its partnerships; of more than a device may have, the one seen longest ago goes. */
function partnershipsAfter(
  stored: ReadHash['values'],
  seen: readonly PartnershipRecord[],
  names: UserNames,
  signals: Map<string, readonly PartnershipSignal[]>,
): HashChange | null {
  if (stored === null) return LEFT_ALONE;
  const { device } = seen[0] as PartnershipRecord;
  const unread = stored === ASSUMED_UNSEEN.values ? NEVER_SEEN : undefined;
  // It may be called again with what another writer wrote.
  if (signals.size > 0) signals.delete(device);
  const [only] = seen;
  if (only !== undefined && seen.length === 1) {
    const { user } = only;
    const field = deviceField.partnership(user);
    // As nearly always: nobody else was seen with the device.
    if (stored.length === 0 || (stored.length === 2 && stored[0] === field)) {
      const expected = stored[1] ?? null;
      const joined = joinSeen(seenPartnership(user, device, expected), only);
      if (joined.signals.length > 0) signals.set(device, joined.signals);
      const next = partnershipText(joined.record);
      return { fields: expected === next ? [] : [{ field, expected, next }], news: '', unread };
    }
  }
  const before = new Map(storedDevice(device, stored).partnerships);
  const after = new Map(before);
  const found: PartnershipSignal[] = [];
  for (const now of seen) {
    const { user } = now;
    if (!after.has(user)) found.push(...signalsOfNew(now, [...after.keys()], names));
    const joined = joinSeen(seenPartnership(user, device, after.get(user) ?? null), now);
    after.set(user, partnershipText(joined.record));
    found.push(...joined.signals);
  }
  if (found.length > 0) signals.set(device, found);
  dropOldest(device, after);
  return { fields: changes(before, after, (user) => deviceField.partnership(user)), news: '', unread };
}

/**
 * Joins the devices that were seen with the users of one local part with those stored. Most servers ignore a NetBIOS domain: one
 * user can make up any number of names, and each look-up of a name reads all.
 */
function devicesAfter(
  stored: ReadHash['values'],
  local: string,
  seen: readonly PartnershipRecord[],
  signals: Map<string, readonly PartnershipSignal[]>,
): HashChange | null {
  if (stored === null) return LEFT_ALONE;
  if (signals.size > 0) signals.delete(`${local}\0`);
  const before = devicesIn(stored);
  if (before.size === 0) {
    const user = onlyUser(seen);
    if (user !== null) return firstDevices(user, local, seen, signals);
  }
  const after = new Map(before);
  const found: PartnershipSignal[] = [];
  for (const [user, devices] of Map.groupBy(seen, (one) => one.user)) {
    const field = userField.devices(local, user);
    const text = before.get(field);
    const known = text === undefined ? NOTHING : userDevicesIn(text);
    // The latest last: the others go first.
    after.delete(field);
    const joined = joinUserDevices(
      known.length === 0 ? devices : [...allowedAgain(known, devices), ...devices],
    );
    after.set(field, userDevicesText(joined));
    const fresh = devices.findLast(({ device }) => !known.some((one) => one.device === device));
    if (fresh !== undefined) found.push(...signalsOfDevices(user, fresh.device, joined.length));
  }
  if (found.length > 0) signals.set(`${local}\0`, found);
  dropNames(after);
  return { fields: changes(before, after, (field) => field), news: '' };
}

/** As for the partnership, what is written last counts, not the later time. */
function allowedAgain(known: readonly UserDevice[], devices: readonly PartnershipRecord[]): UserDevice[] {
  return known.map((one) => {
    const again = devices.findLast(({ device }) => device === one.device);
    return again === undefined ? one : { ...one, lastAllowed: again.lastAllowed ?? one.lastAllowed };
  });
}

/** Texts of the devices of users, by field. */
function devicesIn(values: readonly (string | null)[]): Map<string, string> {
  const devices = new Map<string, string>();
  for (let at = 0; at + 1 < values.length; at += 2) {
    const field = values[at] ?? '';
    if (field.startsWith('d:')) devices.set(field, values[at + 1] ?? '');
  }
  return devices;
}

/** Null = there are several. */
function onlyUser(seen: readonly PartnershipRecord[]): UserKey | null {
  const { user } = seen[0] as PartnershipRecord;
  return seen.every((one) => one.user === user) ? user : null;
}

/** The devices of a user who had none, as in an import. */
function firstDevices(
  user: UserKey,
  local: string,
  seen: readonly PartnershipRecord[],
  signals: Map<string, readonly PartnershipSignal[]>,
): HashChange {
  const devices = joinUserDevices(seen);
  const { device } = seen.at(-1) as PartnershipRecord;
  const found = signalsOfDevices(user, device, devices.length);
  if (found.length > 0) signals.set(`${local}\0`, found);
  const change = { field: userField.devices(local, user), expected: null, next: userDevicesText(devices) };
  return { fields: [change], news: '' };
}

const NOTHING: readonly never[] = Object.freeze([]);

/** Of more names than one local part may have, those that were not allowed for the longest time. */
function dropNames(devices: Map<string, string>): void {
  const surplus = devices.size - MAX_NAMES;
  if (surplus <= 0) return;
  const lastAllowed = [...devices].map(
    ([field, text]) =>
      [field, Math.max(0, ...userDevicesIn(text).map((one) => one.lastAllowed ?? 0))] as const,
  );
  lastAllowed.sort(([, a], [, b]) => a - b);
  for (const [field] of lastAllowed.slice(0, surplus)) devices.delete(field);
}

/** Of more partnerships than a device may have, those seen longest ago. */
function dropOldest(device: DeviceKey, partnerships: Map<UserKey, string>): void {
  const surplus = partnerships.size - MAX_COUNTED;
  if (surplus <= 0) return;
  const lastSeen = new Map(
    [...partnerships].map(([user, text]) => [user, seenPartnership(user, device, text)?.lastSeen ?? 0]),
  );
  const inOrder = [...lastSeen].sort(([, a], [, b]) => a - b);
  for (const [user] of inOrder.slice(0, surplus)) partnerships.delete(user);
}

function changes<K>(
  before: ReadonlyMap<K, string>,
  after: ReadonlyMap<K, string>,
  fieldOf: (key: K) => string,
): FieldChange[] {
  const fields: FieldChange[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [expected, next] = [before.get(key) ?? null, after.get(key) ?? null];
    if (expected !== next) fields.push({ field: fieldOf(key), expected, next });
  }
  return fields;
}
