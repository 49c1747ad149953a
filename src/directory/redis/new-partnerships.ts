// Owns writing partnerships to Redis whose users and devices were not seen before, as in an import: those of a user together with the list of the user's devices.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { partnershipText } from '../../model/partnership.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import { signalsOfDevices } from '../seen-partnerships.ts';
import { joinUserDevices } from '../user-devices.ts';
import { createNew } from './new-records.ts';
import type { CreateAccess, NewForm, NewGroup } from './new-records.ts';
import { placesOf } from './record-places.ts';
import { deviceField, partitionOfDevice, partitionOfUsers, userField } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { userDevicesText } from './stored-hashes.ts';

/** Conditions: no user with this local part has devices, and nobody was seen with these devices. The log names nothing, since no verdict changes. */
const FORM: NewForm = { log: 'u', kinds: 'd:', otherKinds: 'p:' };
/** More devices of one user are not written in one step. */
const MAX_DEVICES = 32;

/** Writes partnerships that are new. Returns the others, in their order. */
export async function recordNew(
  access: CreateAccess,
  [keys, names]: readonly [RedisKeys, UserNames],
  batch: readonly PartnershipRecord[],
  onSignal: (signal: PartnershipSignal) => void,
): Promise<readonly PartnershipRecord[]> {
  const several = new Set(
    placesOf(batch, ({ device }) => device)
      .several.values()
      .flatMap((places) => places),
  );
  const locals = batch.map(({ user }) => foldedLocalPart(user));
  const groupOf = ([local, places]: OfUser): NewGroup | null => {
    const seen = places.map((at) => batch[at] as PartnershipRecord);
    const isPlain =
      places.length <= MAX_DEVICES && !(several.size > 0 && places.some((at) => several.has(at)));
    return isPlain ? newDevices(keys, names, local, seen) : null;
  };
  const onWritten = ([, places]: OfUser): void => {
    const { user, device } = batch[places.at(-1) ?? 0] as PartnershipRecord;
    for (const signal of signalsOfDevices(names.canonical(user), device, places.length)) onSignal(signal);
  };
  const items = Map.groupBy(batch.keys(), (at) => locals[at] ?? '');
  const others = await createNew(access, [keys, FORM], items, groupOf, onWritten);
  const rest = others.flatMap(([, places]) => places).sort((a, b) => a - b);
  return rest.length === batch.length ? batch : rest.map((at) => batch[at] as PartnershipRecord);
}

/** The folded local part of a user, and the places of what was seen of it. */
type OfUser = readonly [local: string, places: readonly number[]];

/** Null = they have several names. */
function newDevices(
  keys: RedisKeys,
  names: UserNames,
  local: string,
  seen: readonly PartnershipRecord[],
): NewGroup | null {
  const { user: login } = seen[0] as PartnershipRecord;
  if (seen.some((one) => one.user !== login)) return null;
  const user = names.canonical(login);
  const field = deviceField.partnership(user);
  const others = seen.map((record) => {
    const partition = partitionOfDevice(record.device);
    const text = partnershipText(record);
    return { partition, key: keys.device(record.device, partition), news: '', field, text };
  });
  // If the name is an alias, the partnerships are those of another user.
  const absent = [userField.alias(local, login)];
  if (user !== login) absent.push(userField.alias(local, user));
  const fields = [userField.devices(local, user), userDevicesText(joinUserDevices(seen))];
  const partition = partitionOfUsers(local);
  return { partition, key: keys.users(local, partition), news: '', absent, fields, others };
}
