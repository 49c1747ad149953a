// Owns what the directory knows of users: everybody who was seen with a device, and one user in full.
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import { allDevices, partnershipListings, storedDecisions } from './entries.ts';
import type { PartnershipListing } from './entries.ts';
import { stateOf } from './inventory.ts';
import { order } from './listing.ts';
import type { Listing, ListOrder, SortFields } from './listing.ts';
import { ACCESS_STATES } from '../model/access-state.ts';
import type { AccessState } from '../model/access-state.ts';
import type { DecisionChange, ManualDecision } from '../model/decision.ts';
import type { UserRecord, UserReport } from '../model/user.ts';
import { parseUser } from './names.ts';
import { among, matching, nearText } from './text-filter.ts';

/** One user name, with its devices. */
export interface UserRow {
  readonly user: UserKey;
  readonly devices: number;
  /** Number of devices in each state. */
  readonly states: Readonly<Record<AccessState, number>>;
  /** Milliseconds since the epoch. */
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** A filter; all given conditions must hold. */
export interface UserFilter {
  /** Every name that may be this user; with `*` or `?` a pattern. */
  readonly user?: string | undefined;
  /** At least one device is in one of these states. */
  readonly states?: readonly string[] | undefined;
  /** Seen at or after this time, milliseconds since the epoch. */
  readonly seenSince?: number | undefined;
  /** Not seen since this time, milliseconds since the epoch. */
  readonly unseenSince?: number | undefined;
  /** Minimum number of devices. */
  readonly minDevices?: number | undefined;
}

/** Fields by which users can be sorted. */
export const USER_FIELDS: SortFields<UserRow> = {
  user: ({ user }) => user,
  devices: ({ devices }) => devices,
  allowed: ({ states }) => states.allowed,
  quarantined: ({ states }) => states.quarantined,
  blocked: ({ states }) => states.blocked,
  firstSeen: ({ firstSeen }) => firstSeen,
  lastSeen: ({ lastSeen }) => lastSeen,
};

/** Users by name. @throws ProgramError */
export async function listUsers(
  store: DirectoryStore,
  filter: UserFilter,
  listOrder: ListOrder,
): Promise<Listing<UserRow>> {
  const partnerships = (await allDevices(store)).flatMap(partnershipListings);
  const byUser = Map.groupBy(partnerships, ({ record }) => record.user);
  const rows = [...byUser].map(([user, partnerships]) => userRow(user, partnerships));
  const { seenSince = -Infinity, unseenSince = Infinity, minDevices = 0 } = filter;
  const isState = filter.states === undefined ? null : among(filter.states, ACCESS_STATES);
  const isUser = filter.user === undefined ? null : userMatcher(store, filter.user);
  const kept = rows.filter(
    (row) =>
      row.lastSeen >= seenSince &&
      row.lastSeen < unseenSince &&
      row.devices >= minDevices &&
      (isUser === null || isUser(row.user)) &&
      (isState === null || ACCESS_STATES.some((state) => row.states[state] > 0 && isState(state))),
  );
  kept.sort((a, b) => (a.user < b.user ? -1 : 1));
  return order(kept, USER_FIELDS, listOrder);
}

/** Whether a name may be a user; with `*` or `?` the name is a pattern. @throws ProgramError */
export function userMatcher(store: DirectoryStore, name: string): (user: UserKey) => boolean {
  if (/[*?]/.test(name)) return matching(name);
  const key = parseUser(name);
  return (user) => store.names.meets(user, key);
}

function userRow(user: UserKey, partnerships: readonly PartnershipListing[]): UserRow {
  const states: Record<AccessState, number> = {
    allowed: 0,
    quarantined: 0,
    blocked: 0,
    wiping: 0,
    unseen: 0,
  };
  let [firstSeen, lastSeen] = [Infinity, -Infinity];
  for (const partnership of partnerships) {
    states[stateOf(partnership)]++;
    firstSeen = Math.min(firstSeen, partnership.record.firstSeen);
    lastSeen = Math.max(lastSeen, partnership.record.lastSeen);
  }
  return { user, devices: partnerships.length, states, firstSeen, lastSeen };
}

/** A device of one user. */
export interface DeviceOfUser extends PartnershipListing {
  /** The model as reported by the device, else by its feed; null = unknown. */
  readonly model: string | null;
}

/** All data about one user. */
export interface UserDetails {
  /** The given name. */
  readonly user: UserKey;
  /** Put together from the reports; null = no feed reports this user. */
  readonly record: UserRecord | null;
  /** What each feed reports, in the order of precedence. */
  readonly reports: readonly UserReport[];
  /** The decision on this user with every device; null = none. */
  readonly decision: ManualDecision | null;
  /** The latest changes of that decision, the latest last. */
  readonly history: readonly DecisionChange[];
  /** Names that were seen and may be this user. */
  readonly names: readonly UserKey[];
  readonly partnerships: readonly DeviceOfUser[];
  /** Decisions on partnerships of this user, also with devices that were never seen. */
  readonly decisions: readonly {
    readonly device: DeviceKey;
    readonly decision: ManualDecision;
  }[];
}

/** Reads one user, under every name that may be this user. @throws ProgramError when the name is unknown */
export async function showUser(store: DirectoryStore, name: string): Promise<UserDetails> {
  const user = parseUser(name);
  const entry = await store.getUser(user);
  const record = entry?.record ?? null;
  const entries = await allDevices(store);
  const all = entries.flatMap((device) =>
    partnershipListings(device).map((seen) => ({
      ...seen,
      model: seen.record.model ?? device.record?.model ?? null,
    })),
  );
  const known = [user, ...(record?.aliases ?? [])];
  const isUser = (other: UserKey): boolean => known.some((one) => store.names.meets(other, one));
  const partnerships = all.filter((partnership) => isUser(partnership.record.user));
  const decisions = storedDecisions(entries).flatMap((stored) =>
    stored.user !== null && stored.device !== null && isUser(stored.user)
      ? [{ device: stored.device, decision: stored.decision }]
      : [],
  );
  const decision = entry?.decided.decision ?? null;
  if (record === null && decision === null && partnerships.length === 0 && decisions.length === 0)
    throw userNotFound(all, user);
  return {
    user,
    record,
    reports: entry?.reports ?? [],
    decision,
    history: entry?.decided.history ?? [],
    names: [...new Set(partnerships.map((partnership) => partnership.record.user))],
    partnerships,
    decisions,
  };
}

function userNotFound(partnerships: readonly PartnershipListing[], user: UserKey): ProgramError {
  const known = new Set(partnerships.map(({ record }) => record.user));
  const near = nearText(user, localPart(user).slice(0, 3), known);
  return new ProgramError('EASGATE_NOT_FOUND', `user ${user} was never seen${near}`);
}
