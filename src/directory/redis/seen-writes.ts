// Owns writing what was seen at the mail server to Redis: partnerships, and the devices of users. No verdict changes by it.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { partnershipText, seenPartnership } from '../../model/partnership.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import { joinSeen, signalsOfDevices, signalsOfNew } from '../seen-partnerships.ts';
import { MAX_COUNTED, joinUserDevices } from '../user-devices.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { FieldChange, HashAccess, HashUpdate } from './hash-writer.ts';
import { decodeUser, deviceField, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice, userDevicesIn, userDevicesText } from './stored-hashes.ts';

/** Records per round trip. */
const BATCH = 32;

/** Writes partnerships under the users that their logins stand for. Returns what is noticed about them. */
export async function recordSeen(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  batch: readonly PartnershipRecord[],
): Promise<readonly PartnershipSignal[]> {
  const records: PartnershipRecord[] = [];
  for (let at = 0; at < batch.length; at += BATCH)
    records.push(...(await underUsers(access, keys, names, batch.slice(at, at + BATCH))));
  const signals = new Map<string, readonly PartnershipSignal[]>();
  const devices = Map.groupBy(records, ({ device }) => device);
  await inParallel(
    byPartition(devices, ([device]) => partitionOfDevice(device)),
    ({ items }) =>
      updateHashes(
        access,
        items.map(([, seen]) => partnershipsUpdate(keys, names, seen, signals)),
        'd',
      ),
  );
  const locals = Map.groupBy(records, ({ user }) => foldedLocalPart(user));
  await inParallel(
    byPartition(locals, ([local]) => partitionOfUsers(local)),
    ({ items }) =>
      updateHashes(
        access,
        items.map(([local, seen]) => devicesUpdate(keys, local, seen, signals)),
        'u',
      ),
  );
  return [...signals.values()].flat();
}

/** The records under the users that the directory's aliases name, else under those by the groups of domains. */
async function underUsers(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  batch: readonly PartnershipRecord[],
): Promise<PartnershipRecord[]> {
  const found = await access.read(
    batch.map(({ user }) => {
      const local = foldedLocalPart(user);
      const fields = [user, names.canonical(user)].map((name) => userField.alias(local, name));
      return { key: keys.users(local), fields };
    }),
  );
  return batch.map((record, index) => {
    const [own, grouped] = found[index]?.values ?? [];
    const target = own ?? grouped ?? null;
    const user = target === null ? null : decodeUser(foldedLocalPart(record.user), target);
    return { ...record, user: user ?? names.canonical(record.user) };
  });
}

/** Joins what was seen of one device with its partnerships; of more than a device may have, the one seen longest ago goes. */
function partnershipsUpdate(
  keys: RedisKeys,
  names: UserNames,
  seen: readonly PartnershipRecord[],
  signals: Map<string, readonly PartnershipSignal[]>,
): HashUpdate {
  const device = (seen[0] as PartnershipRecord).device;
  return {
    wanted: { key: keys.device(device) },
    join: (stored) => {
      const before = storedDevice(device, stored).partnerships;
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
      return { fields: changes(before, after), news: '' };
    },
  };
}

/** Joins the devices that were seen with the users of one local part with those stored. */
function devicesUpdate(
  keys: RedisKeys,
  local: string,
  seen: readonly PartnershipRecord[],
  signals: Map<string, readonly PartnershipSignal[]>,
): HashUpdate {
  const ofUsers = [...Map.groupBy(seen, ({ user }) => user)];
  const fields = ofUsers.map(([user]) => userField.devices(local, user));
  return {
    wanted: { key: keys.users(local), fields },
    join: (stored) => {
      const found: PartnershipSignal[] = [];
      const changed = ofUsers.map(([user, devices], index) => {
        const expected = stored?.[index] ?? null;
        const before = expected === null ? [] : userDevicesIn(expected);
        const after = joinUserDevices([...before, ...devices]);
        const known = new Set(before.map(({ device }) => device));
        const fresh = devices.findLast(({ device }) => !known.has(device));
        if (fresh !== undefined) found.push(...signalsOfDevices(user, fresh.device, after.length));
        return { field: fields[index] ?? '', expected, next: userDevicesText(after) };
      });
      signals.set(`${local}\0`, found);
      return { fields: changed, news: '' };
    },
  };
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

function changes(before: ReadonlyMap<UserKey, string>, after: ReadonlyMap<UserKey, string>): FieldChange[] {
  const fields: FieldChange[] = [];
  for (const user of new Set([...before.keys(), ...after.keys()])) {
    const [expected, next] = [before.get(user) ?? null, after.get(user) ?? null];
    if (expected !== next) fields.push({ field: deviceField.partnership(user), expected, next });
  }
  return fields;
}
