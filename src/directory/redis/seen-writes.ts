// Owns writing what was seen at the mail server to Redis: partnerships, and the devices of users. No verdict changes by it.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { partnershipText, seenPartnership } from '../../model/partnership.ts';
import type { NewSpelling, PartnershipRecord } from '../../model/partnership.ts';
import { joinSeen } from '../seen-partnerships.ts';
import { MAX_COUNTED, later } from '../user-devices.ts';
import { byPartition, inParallel, updateHashes } from './hash-writer.ts';
import type { FieldChange, HashAccess, HashUpdate } from './hash-writer.ts';
import { deviceField, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { seenDeviceText, storedDevice, storedUsers } from './stored-hashes.ts';

/** Records per round trip. */
const BATCH = 32;

/** Writes partnerships under the users that their logins stand for. Returns known ones with a new spelling. */
export async function recordSeen(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  batch: readonly PartnershipRecord[],
): Promise<readonly NewSpelling[]> {
  const records: PartnershipRecord[] = [];
  for (let at = 0; at < batch.length; at += BATCH)
    records.push(...(await underUsers(access, keys, names, batch.slice(at, at + BATCH))));
  const added = new Map<PartnershipRecord, NewSpelling>();
  const devices = Map.groupBy(records, ({ device }) => device);
  await inParallel(
    byPartition(devices, ([device]) => partitionOfDevice(device)),
    (part) =>
      updateHashes(
        access,
        part.map(([, seen]) => partnershipsUpdate(keys, seen, added)),
        { name: 'd' },
      ),
  );
  const locals = Map.groupBy(records, ({ user }) => foldedLocalPart(user));
  await inParallel(
    byPartition(locals, ([local]) => partitionOfUsers(local)),
    (part) =>
      updateHashes(
        access,
        part.map(([local, seen]) => devicesUpdate(keys, local, seen)),
        { name: 'u' },
      ),
  );
  return [...added.values()];
}

/** The records under the users that the directory's aliases name, else under those by the groups of domains. */
async function underUsers(
  access: HashAccess,
  keys: RedisKeys,
  names: UserNames,
  batch: readonly PartnershipRecord[],
): Promise<PartnershipRecord[]> {
  const found = await access.read(
    batch.map(({ user }) => ({
      key: keys.users(foldedLocalPart(user)),
      fields: [userField.alias(user), userField.alias(names.canonical(user))],
    })),
  );
  return batch.map((record, index) => {
    const [own, grouped] = found[index]?.values ?? [];
    return { ...record, user: (own ?? grouped ?? names.canonical(record.user)) as UserKey };
  });
}

/** Joins what was seen of one device with its partnerships; of more than a device may have, the one seen longest ago goes. */
function partnershipsUpdate(
  keys: RedisKeys,
  seen: readonly PartnershipRecord[],
  added: Map<PartnershipRecord, NewSpelling>,
): HashUpdate {
  const device = (seen[0] as PartnershipRecord).device;
  return {
    wanted: { key: keys.device(device) },
    join: (stored) => {
      const before = storedDevice(device, stored).partnerships;
      const after = new Map(before);
      for (const now of seen) {
        const { user } = now;
        added.delete(now);
        const { record, hasNewSpelling } = joinSeen(
          seenPartnership(user, device, after.get(user) ?? null),
          now,
        );
        after.set(user, partnershipText(record));
        if (hasNewSpelling) added.set(now, { user, device, spellings: record.spellings });
      }
      if (after.size > MAX_COUNTED)
        dropOldest(after, (user, text) => seenPartnership(user, device, text)?.lastSeen ?? 0);
      return { fields: changes(before, after, (user) => deviceField.partnership(user)), news: '' };
    },
  };
}

/** Joins the devices that were seen with the users of one local part with those stored; likewise. */
function devicesUpdate(keys: RedisKeys, local: string, seen: readonly PartnershipRecord[]): HashUpdate {
  return {
    wanted: { key: keys.users(local) },
    join: (stored) => {
      const before = new Map<string, string>();
      const times = new Map<string, { user: UserKey; firstSeen: number; lastAllowed: number | null }>();
      for (const { user, device, firstSeen, lastAllowed } of storedUsers(local, stored).devices) {
        const field = userField.device(device, user);
        before.set(field, textIn(stored, field));
        times.set(field, { user, firstSeen, lastAllowed });
      }
      for (const { user, device, firstSeen, lastAllowed } of seen) {
        const field = userField.device(device, user);
        const known = times.get(field);
        times.set(field, {
          user,
          firstSeen: Math.min(firstSeen, known?.firstSeen ?? Infinity),
          lastAllowed: later(known?.lastAllowed ?? null, lastAllowed),
        });
      }
      for (const own of Map.groupBy(times, ([, { user }]) => user).values()) {
        const kept = new Map(own);
        dropOldest(kept, (_field, { lastAllowed }) => lastAllowed ?? 0);
        for (const [field] of own) if (!kept.has(field)) times.delete(field);
      }
      const after = new Map(
        [...times].map(([field, { firstSeen, lastAllowed }]) => [
          field,
          seenDeviceText(firstSeen, lastAllowed),
        ]),
      );
      return { fields: changes(before, after, (field) => field), news: '' };
    },
  };
}

function textIn(values: readonly (string | null)[] | null, field: string): string {
  if (values !== null)
    for (let at = 0; at + 1 < values.length; at += 2) if (values[at] === field) return values[at + 1] ?? '';
  return '';
}

function dropOldest<K, V>(entries: Map<K, V>, timeOf: (key: K, value: V) => number): void {
  if (entries.size <= MAX_COUNTED) return;
  const inOrder = [...entries].sort(([a, one], [b, other]) => timeOf(a, one) - timeOf(b, other));
  for (const [key] of inOrder.slice(0, entries.size - MAX_COUNTED)) entries.delete(key);
}

function changes<K>(
  before: ReadonlyMap<K, string>,
  after: ReadonlyMap<K, string>,
  fieldOf: (key: K) => string,
): FieldChange[] {
  const fields: FieldChange[] = [];
  for (const [key, next] of after) {
    const expected = before.get(key) ?? null;
    if (expected !== next) fields.push({ field: fieldOf(key), expected, next });
  }
  for (const [key, expected] of before)
    if (!after.has(key)) fields.push({ field: fieldOf(key), expected, next: null });
  return fields;
}
