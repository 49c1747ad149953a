// Owns the inventory: devices and partnerships as the directory has them, filtered, ordered and cut.
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { otherSpellings } from '../identity/device.ts';
import type { DecisionChange, ImportedDecision, ManualDecision } from '../model/decision.ts';
import type { DeviceReport } from '../model/device.ts';
import { ACCESS_STATES, STATES_OF_ACTIONS, stateOfAction } from '../model/access-state.ts';
import type { AccessState } from '../model/access-state.ts';
import { decisive } from '../model/wipe.ts';
import { allDevices, deviceListing, partnershipListings } from './entries.ts';
import type { DeviceListing, PartnershipListing } from './entries.ts';
import { order } from './listing.ts';
import type { Listing, ListOrder, SortFields } from './listing.ts';
import { parseDevice, parseUser } from './names.ts';
import { among, containing, matching, nearText } from './text-filter.ts';

/** One partnership, or a device without one. */
export interface InventoryRow {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
  readonly state: AccessState;
  readonly listing: DeviceListing | null;
  readonly partnership: PartnershipListing | null;
}

/** A filter; all given conditions must hold. Texts compare without case and may have `*` and `?`. */
export interface InventoryFilter {
  /** Every name that may be this user. */
  readonly user?: string | undefined;
  readonly device?: string | undefined;
  /** Any of them. */
  readonly states?: readonly string[] | undefined;
  /** Reason of the last verdict: any of these. */
  readonly reasons?: readonly string[] | undefined;
  /** Seen at or after this time, milliseconds since the epoch. */
  readonly seenSince?: number | undefined;
  /** Not seen since this time, milliseconds since the epoch; includes devices never seen. */
  readonly unseenSince?: number | undefined;
  readonly type?: string | undefined;
  readonly model?: string | undefined;
  readonly os?: string | undefined;
  /** Null = never reported. */
  readonly managed?: boolean | null | undefined;
  readonly compliant?: boolean | null | undefined;
  /** Action of the decision in force: any of these; `none` = no decision. */
  readonly decisions?: readonly string[] | undefined;
  /** Part of any name: of device, user, type, model, system, client, owner. */
  readonly search?: string | undefined;
}

/** Fields by which the inventory can be sorted. */
export const INVENTORY_FIELDS: SortFields<InventoryRow> = {
  device: ({ device }) => device,
  user: ({ user }) => user,
  state: ({ state }) => state,
  reason: ({ partnership }) => partnership?.record.lastReason ?? null,
  type: ({ partnership }) => partnership?.record.deviceType ?? null,
  model: ({ listing, partnership }) => modelOf(listing, partnership),
  os: ({ listing, partnership }) => systemOf(listing, partnership),
  firstSeen: ({ partnership }) => partnership?.record.firstSeen ?? null,
  lastSeen: ({ partnership }) => partnership?.record.lastSeen ?? null,
  lastCheckIn: ({ listing }) => listing?.record?.lastCheckIn ?? null,
};

/** Accepted values for a decision in filters. */
export const DECISION_WORDS = ['allow', 'block', 'quarantine', 'wipe', 'accountWipe', 'none'];

/** Devices with their users, and (unless `onlyPartnerships`) devices without a partnership. @throws ProgramError */
export async function listInventory(
  store: DirectoryStore,
  filter: InventoryFilter,
  listOrder: ListOrder,
  { onlyPartnerships = false }: { readonly onlyPartnerships?: boolean } = {},
): Promise<Listing<InventoryRow>> {
  const keeps = compileFilter(filter);
  const user = filter.user === undefined ? null : parseUser(filter.user);
  const rows = (await collect(store, user)).filter(
    (row) => (!onlyPartnerships || row.partnership !== null) && keeps(row),
  );
  return order(rows, INVENTORY_FIELDS, listOrder);
}

/** All rows, in the order of device and user; `user` null = all users, else every name that may be this user. */
async function collect(store: DirectoryStore, user: UserKey | null): Promise<InventoryRow[]> {
  const rows = (await allDevices(store)).flatMap((entry) => rowsOf(store, entry, user));
  return rows.sort((a, b) => compare(a.device, b.device) || compare(a.user ?? '', b.user ?? ''));
}

function rowsOf(store: DirectoryStore, entry: DeviceEntry, user: UserKey | null): InventoryRow[] {
  const { key: device } = entry;
  const listing = deviceListing(entry);
  const partnerships = partnershipListings(entry).filter(
    ({ record }) => user === null || store.names.meets(record.user, user),
  );
  if (entry.partnerships.length === 0)
    return user === null && listing !== null
      ? [{ device, user: null, state: 'unseen', listing, partnership: null }]
      : [];
  return partnerships.map((partnership) => ({
    device,
    user: partnership.record.user,
    state: stateOf(partnership),
    listing,
    partnership,
  }));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The state of a partnership by its last verdict. */
export function stateOf({ record }: PartnershipListing): AccessState {
  return stateOfAction(record.lastVerdict);
}

/** Records of a row that are not understood, by name: the device is kept out until they are written anew. */
export function unreadableOf({ listing }: InventoryRow): readonly string[] {
  return listing?.unreadable ?? [];
}

/** The decision on a partnership or its device that a list shows; null = none. */
export function decisionOf({ listing, partnership }: InventoryRow): ManualDecision | null {
  return decisive(partnership?.decision ?? null, listing?.decision ?? null);
}

/** The model as reported by the device, else by its feed; null = unknown. */
export function modelOf(
  listing: DeviceListing | null,
  partnership: PartnershipListing | null,
): string | null {
  return partnership?.record.model ?? listing?.record?.model ?? null;
}

/** The operating system as reported by the device, else by its feed; null = unknown. */
export function systemOf(
  listing: DeviceListing | null,
  partnership: PartnershipListing | null,
): string | null {
  return partnership?.record.os ?? listing?.record?.os ?? null;
}

type Keeps = (row: InventoryRow) => boolean;

function seenAt({ partnership }: InventoryRow): number {
  return partnership?.record.lastSeen ?? -Infinity;
}

function compileFilter(filter: InventoryFilter): Keeps {
  const { seenSince, unseenSince, managed, compliant } = filter;
  const conditions: Keeps[] = [];
  if (filter.device !== undefined) {
    const matches = matching(filter.device, (text) => parseDevice(text));
    conditions.push((row) => matches(row.device));
  }
  if (filter.states !== undefined) {
    const matches = among(filter.states, ACCESS_STATES, STATES_OF_ACTIONS);
    conditions.push((row) => matches(row.state));
  }
  if (filter.reasons !== undefined) {
    const patterns = filter.reasons.map((reason) => matching(reason));
    conditions.push(({ partnership }) =>
      patterns.some((matches) => matches(partnership?.record.lastReason ?? '')),
    );
  }
  if (seenSince !== undefined) conditions.push((row) => seenAt(row) >= seenSince);
  if (unseenSince !== undefined) conditions.push((row) => seenAt(row) < unseenSince);
  if (filter.type !== undefined) {
    const matches = matching(filter.type);
    conditions.push(({ partnership }) => matches(partnership?.record.deviceType ?? ''));
  }
  if (filter.model !== undefined) {
    const matches = matching(filter.model);
    conditions.push(({ listing, partnership }) => matches(modelOf(listing, partnership) ?? ''));
  }
  if (filter.os !== undefined) {
    const matches = matching(filter.os);
    conditions.push(({ listing, partnership }) => matches(systemOf(listing, partnership) ?? ''));
  }
  if (managed !== undefined) conditions.push(({ listing }) => (listing?.record?.managed ?? null) === managed);
  if (compliant !== undefined)
    conditions.push(({ listing }) => (listing?.record?.compliant ?? null) === compliant);
  if (filter.decisions !== undefined) {
    const matches = among(filter.decisions, DECISION_WORDS);
    conditions.push((row) => matches(decisionOf(row)?.action ?? 'none'));
  }
  if (filter.search !== undefined) {
    const contains = containing(filter.search);
    conditions.push((row) => contains(namesOf(row)));
  }
  return (row) => conditions.every((keeps) => keeps(row));
}

/** The texts that a search compares. */
function namesOf({ device, user, listing, partnership }: InventoryRow): (string | null | undefined)[] {
  const { record: seen } = partnership ?? {};
  const { record: reported } = listing ?? {};
  return [
    device,
    user,
    seen?.deviceType,
    seen?.model,
    seen?.os,
    seen?.userAgent,
    seen?.imei,
    ...(seen?.spellings ?? []),
    reported?.model,
    reported?.os,
    reported?.owner,
  ];
}

/** All data about one device. */
export interface DeviceDetails {
  readonly key: DeviceKey;
  /** Other spellings of its id. */
  readonly aliases: readonly string[];
  /** Put together from the reports; null = no feed reports it. */
  readonly record: DeviceListing['record'];
  /** What each feed reports, in the order of precedence. */
  readonly reports: readonly DeviceReport[];
  /** Its malformed records; absent = none. */
  readonly unreadable?: readonly string[];
  readonly decision: ManualDecision | null;
  /** The latest changes of that decision, the latest last. */
  readonly history: readonly DecisionChange[];
  /** Decisions of feeds on the device and its partnerships. */
  readonly imported: readonly ImportedDecision[];
  readonly partnerships: readonly (PartnershipListing & { readonly history: readonly DecisionChange[] })[];
}

/** Reads one device. @throws ProgramError when it is unknown */
export async function showDevice(store: DirectoryStore, id: string): Promise<DeviceDetails> {
  const key = parseDevice(id);
  const entry = await store.getDevice(key);
  if (entry === null) throw await deviceNotFound(store, key);
  const { record, reports, unreadable, decided, decidedByUser, imported } = entry;
  return {
    key,
    aliases: otherSpellings(key),
    record,
    reports,
    ...(unreadable !== undefined && { unreadable }),
    decision: decided.decision,
    history: decided.history,
    imported,
    partnerships: partnershipListings(entry).map((partnership) => ({
      ...partnership,
      history: decidedByUser.get(partnership.record.user)?.history ?? [],
    })),
  };
}

/** The error for an unknown device, with suggestions. */
export async function deviceNotFound(store: DirectoryStore, key: DeviceKey): Promise<ProgramError> {
  const known = new Set<DeviceKey>();
  for await (const part of store.scanDevices())
    for (const entry of part)
      if (entry.partnerships.length > 0 || deviceListing(entry) !== null) known.add(entry.key);
  return new ProgramError('EASGATE_NOT_FOUND', `no device ${key}${nearText(key, key.slice(0, 6), known)}`);
}
