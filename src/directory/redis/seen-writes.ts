// Owns writing what was seen at the mail server to Redis: partnerships, and the devices of users. No verdict changes by it.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { partnershipText, seenPartnership } from '../../model/partnership.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import type { StoredUsers } from '../stored-records.ts';
import { joinSeen, signalsOfDevices, signalsOfNew } from '../seen-partnerships.ts';
import { MAX_COUNTED, joinUserDevices } from '../user-devices.ts';
import type { FieldChange, Unread } from './commit-values.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { HashAccess, HashUpdate } from './hash-writer.ts';
import type { ReadHash } from './packed-reply.ts';
import { deviceField, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice, storedUsers, userDevicesIn, userDevicesText } from './stored-hashes.ts';

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

  constructor(keys: RedisKeys, names: UserNames) {
    this.keys = keys;
    this.names = names;
  }

  /** Writes partnerships under the users that their logins stand for. */
  async record(access: HashAccess, batch: readonly PartnershipRecord[], onSignal: OnSignal): Promise<void> {
    const { keys, names } = this;
    const users = await readUsers(access, keys, batch);
    const records = batch.map((record) => underUser(names, record, users));
    const signals = new Map<string, readonly PartnershipSignal[]>();
    const note = (place: string): void => {
      for (const signal of signals.get(place) ?? []) onSignal(signal);
    };
    const devices = Map.groupBy(records, ({ device }) => device);
    await inParallel(
      access,
      byPartition(access, devices, ([device]) => partitionOfDevice(device)),
      async ({ partition, items }) => {
        await this.putPartnerships(access, partition, items, signals);
        for (const [device] of items) note(device);
      },
    );
    const locals = Map.groupBy(records, ({ user }) => foldedLocalPart(user));
    await inParallel(
      access,
      byPartition(access, locals, ([local]) => partitionOfUsers(local)),
      async ({ partition, items }) => {
        await updateHashes(
          access,
          items.map(([local, seen]) => devicesUpdate(keys.users(local, partition), local, seen, signals)),
          'u',
          items.map(([local]) => users.get(local)?.hash),
        );
        for (const [local] of items) note(`${local}\0`);
      },
    );
  }

  private async putPartnerships(
    access: HashAccess,
    partition: number,
    items: readonly (readonly [DeviceKey, readonly PartnershipRecord[]])[],
    signals: Map<string, readonly PartnershipSignal[]>,
  ): Promise<void> {
    const { keys, names, mostlyUnseen } = this;
    let known = 0;
    const updates = items.map(([device, seen]): HashUpdate => {
      const { join, ...wanted } = partnershipsUpdate(keys.device(device, partition), names, seen, signals);
      return {
        ...wanted,
        join: (stored) => {
          if (stored === null || stored.length > 0) known += 1;
          return join(stored);
        },
      };
    });
    await updateHashes(access, updates, 'd', mostlyUnseen ? items.map(() => ASSUMED_UNSEEN) : undefined);
    this.mostlyUnseen = known < items.length / 2;
  }
}

/** What is stored of the users with one folded local part. */
interface UsersRead {
  readonly hash: ReadHash;
  readonly aliases: StoredUsers['aliases'];
}

/** Reads the users of the logins, by folded local part. */
async function readUsers(
  access: HashAccess,
  keys: RedisKeys,
  batch: readonly PartnershipRecord[],
): Promise<ReadonlyMap<string, UsersRead>> {
  const users = new Map<string, UsersRead>();
  const locals = new Set(batch.map(({ user }) => foldedLocalPart(user)));
  await inParallel(access, byPartition(access, locals, partitionOfUsers), async ({ partition, items }) => {
    const hashes = await access.read(items.map((local) => ({ key: keys.users(local, partition) })));
    for (const [index, local] of items.entries()) {
      const hash = hashes[index];
      if (hash !== undefined) users.set(local, { hash, aliases: storedUsers(local, hash.values).aliases });
    }
  });
  return users;
}

/** The record under the user that an alias of the directory names, else under the one by the groups of domains. */
function underUser(
  names: UserNames,
  record: PartnershipRecord,
  users: ReadonlyMap<string, UsersRead>,
): PartnershipRecord {
  const grouped = names.canonical(record.user);
  const aliases = users.get(foldedLocalPart(record.user))?.aliases;
  const user = aliases?.get(record.user) ?? aliases?.get(grouped) ?? grouped;
  return user === record.user ? record : { ...record, user };
}

/** Joins what was seen of one device with its partnerships; of more than a device may have, the one seen longest ago goes. */
function partnershipsUpdate(
  key: string,
  names: UserNames,
  seen: readonly PartnershipRecord[],
  signals: Map<string, readonly PartnershipSignal[]>,
): HashUpdate {
  const device = (seen[0] as PartnershipRecord).device;
  return {
    key,
    beginning: 'p:',
    isRare: true,
    join: (stored) => {
      if (stored === null) return LEFT_ALONE;
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
      // It may be called again with what another writer wrote.
      signals.set(device, found);
      dropOldest(device, after);
      const fields = changes(before, after, (user) => deviceField.partnership(user));
      return { fields, news: '', unread: stored === ASSUMED_UNSEEN.values ? NEVER_SEEN : undefined };
    },
  };
}

/**
 * Joins the devices that were seen with the users of one local part with those stored. Most servers ignore a NetBIOS domain: one
 * user can make up any number of names, and each look-up of a name reads all.
 */
function devicesUpdate(
  key: string,
  local: string,
  seen: readonly PartnershipRecord[],
  signals: Map<string, readonly PartnershipSignal[]>,
): HashUpdate {
  return {
    key,
    beginning: 'd:',
    join: (stored) => {
      if (stored === null) return LEFT_ALONE;
      const before = new Map<string, string>();
      for (let at = 0; at + 1 < stored.length; at += 2) {
        const field = stored[at] ?? '';
        if (field.startsWith('d:')) before.set(field, stored[at + 1] ?? '');
      }
      const after = new Map(before);
      const found: PartnershipSignal[] = [];
      for (const [user, devices] of Map.groupBy(seen, (one) => one.user)) {
        const field = userField.devices(local, user);
        const known = userDevicesIn(before.get(field) ?? '[]');
        // The latest last: the others go first.
        after.delete(field);
        // As for the partnership, what is written last counts, not the later time.
        const allowed = new Map(devices.map(({ device, lastAllowed }) => [device, lastAllowed]));
        const earlier = known.map((one) => ({
          ...one,
          lastAllowed: allowed.get(one.device) ?? one.lastAllowed,
        }));
        const joined = joinUserDevices([...earlier, ...devices]);
        after.set(field, userDevicesText(joined));
        const fresh = devices.findLast(({ device }) => !known.some((one) => one.device === device));
        if (fresh !== undefined) found.push(...signalsOfDevices(user, fresh.device, joined.length));
      }
      signals.set(`${local}\0`, found);
      dropNames(after);
      return { fields: changes(before, after, (field) => field), news: '' };
    },
  };
}

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
