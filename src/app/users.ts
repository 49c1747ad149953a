// Owns what is known of users: the list, from the read model, and one user in full, from the directory.
import { USER_FIELDS } from '../directory/read-model/model-fields.ts';
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import { countUsers as countRows, userPage } from '../directory/read-model/model-users.ts';
import type { ModelUser, ModelUserFilter } from '../directory/read-model/model-users.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import { partnershipListings, decisionsIn } from './device-views.ts';
import type { PartnershipListing } from './device-views.ts';
import { searchInStore } from './user-search.ts';
import type { UserSearch } from './user-search.ts';
import { pageOf } from './list-pages.ts';
import type { Page, PageRequest } from './list-pages.ts';
import { ACCESS_STATES } from '../model/access-state.ts';
import type { DecisionChange, ManualDecision } from '../model/decision.ts';
import type { UserRecord, UserReport } from '../model/user.ts';
import { parseUser } from './names.ts';
import { isGlob } from '../policy/compile/glob.ts';
import { among, nearText } from './text-filter.ts';

/** A filter; all given conditions must hold. */
export interface UserFilter {
  /** Every name that may be this user; with `*` or `?` a pattern. */
  readonly user?: string | undefined;
  /** At least one device is in one of these states. */
  readonly states?: readonly string[] | undefined;
  /** Seen at or after this time, milliseconds since the epoch. */
  readonly seenSince?: number | undefined;
  /** Not seen since this time, milliseconds since the epoch; includes users never seen. */
  readonly unseenSince?: number | undefined;
  /** Without case. */
  readonly group?: string | undefined;
  /** Part of a name of the user. */
  readonly search?: string | undefined;
  /** Minimum number of devices. */
  readonly minDevices?: number | undefined;
}

const BY_NAME = [{ field: 'user', descending: false }] as const;

/** Users who were seen, and those that feeds report. @throws ProgramError */
export function listUsers(reader: ModelReader, filter: UserFilter, request: PageRequest): Page<ModelUser> {
  const wanted = userModelFilter(filter);
  return pageOf(request, USER_FIELDS, BY_NAME, (order, limit, after) =>
    userPage(reader, wanted, order, limit, after),
  );
}

/** How many users match. @throws ProgramError */
export function countUsers(reader: ModelReader, filter: UserFilter): number {
  return countRows(reader, userModelFilter(filter));
}

function userModelFilter({ user, states, ...filter }: UserFilter): ModelUserFilter {
  const isPattern = user !== undefined && isGlob(user);
  return {
    ...filter,
    user: user === undefined || isPattern ? undefined : parseUser(user),
    pattern: isPattern ? user.toLowerCase() : undefined,
    states: states === undefined ? undefined : ACCESS_STATES.filter(among(states, ACCESS_STATES)),
  };
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
export async function showUser(
  store: DirectoryStore,
  name: string,
  users: UserSearch = searchInStore(store),
): Promise<UserDetails> {
  const user = parseUser(name);
  const [entry, joined] = await Promise.all([store.getUser(user), store.joinedUser(user)]);
  const { record, reports } = joined;
  const known = [...new Set([user, joined.user, ...(record?.aliases ?? [])])];
  const entries = await users.devicesOf(known);
  const all = entries.flatMap((device) =>
    partnershipListings(device).map((seen) => ({
      ...seen,
      model: seen.record.model ?? device.record?.model ?? null,
    })),
  );
  const isUser = (other: UserKey): boolean => known.some((one) => store.names.mayBeSame(other, one));
  const partnerships = all.filter((partnership) => isUser(partnership.record.user));
  const decisions = decisionsIn(entries).flatMap((stored) =>
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
    reports,
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
