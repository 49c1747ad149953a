// Owns the list of devices and partnerships that commands show and search.
import type { DeviceListing, DirectoryStore, PartnershipListing } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { CommandError } from './context.ts';

/** One partnership, or a device that nobody was seen with. */
export interface ListRow {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly listing: DeviceListing | null;
  readonly partnership: PartnershipListing | null;
}

/** Everything, in the order of device and user; `user` null = of all users, else of every name that may be this user. */
export async function collect(store: DirectoryStore, user: UserKey | null): Promise<ListRow[]> {
  const devices = new Map((await store.listDevices()).map((listing) => [listing.key, listing]));
  const partnerships = (await store.listPartnerships()).filter(
    ({ record }) => user === null || store.names.meets(record.user, user),
  );
  const rows: ListRow[] = partnerships.map((partnership) => ({
    device: partnership.record.device,
    user: partnership.record.user,
    listing: devices.get(partnership.record.device) ?? null,
    partnership,
  }));
  if (user === null) {
    const paired = new Set(rows.map((row) => row.device));
    for (const [device, listing] of devices) {
      if (!paired.has(device)) rows.push({ device, user: null, listing, partnership: null });
    }
  }
  return rows.sort((a, b) => a.device.localeCompare(b.device) || (a.user ?? '').localeCompare(b.user ?? ''));
}

/** What a device calls itself, else what its feed calls it; null = neither said. */
export function modelOf(
  listing: DeviceListing | null,
  partnership: PartnershipListing | null,
): string | null {
  return partnership?.record.model ?? listing?.record?.model ?? null;
}

/** A phone chooses its names itself: no line end or escape sequence of one may repaint what is being shown. */
export function printable(text: string | null, missing = '?'): string {
  return text === null ? missing : text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}

/** Says that there is no such device, and which ones may have been meant. */
export async function notFound(store: DirectoryStore, key: DeviceKey): Promise<CommandError> {
  const near = (await collect(store, null)).filter((row) => row.device.startsWith(key.slice(0, 6)));
  const hint =
    near.length === 0 ? '' : `; near: ${[...new Set(near.map((row) => row.device))].slice(0, 5).join(', ')}`;
  return new CommandError('EASGATE_NOT_FOUND', `no device ${key}${hint}`);
}
