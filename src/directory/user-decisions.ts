// Owns the selection of the decisions on users of a device that apply to one login: those on exactly its user, and
// those on names that may be the same user. Pure.
import type { UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { ManualDecision, WipePartnership } from '../model/decision.ts';
import { stricter } from '../policy/strictness.ts';
import { isOpenWipe } from '../model/wipe.ts';
import type { LookupResult, UserDecision } from './store.ts';

/** A stored decision on a partnership of the device. */
export interface StoredUserDecision {
  readonly user: UserKey;
  /** The user that its name stands for, by the directory's aliases. */
  readonly target: UserKey;
  /** Other names of that user. */
  readonly aliases: readonly UserKey[];
  /** Reads the record, if it applies to the login; null = malformed, which the reader notes. */
  readonly read: () => ManualDecision | null;
}

/** The user of a request. */
export interface Login {
  /** The login name as given. */
  readonly name: UserKey;
  /** The user it stands for. */
  readonly user: UserKey;
  /** Other names of that user. */
  readonly aliases: readonly UserKey[];
}

type Concerned = Pick<
  LookupResult,
  | 'partnershipDecision'
  | 'decidedFor'
  | 'exactDecisions'
  | 'namesakeDecisions'
  | 'deviceWipe'
  | 'partnershipWipe'
>;

/** Selects from all decisions of a device. */
export function concerning(
  names: UserNames,
  login: Login,
  deviceDecision: ManualDecision | null,
  stored: readonly StoredUserDecision[],
): Concerned {
  const exactDecisions: UserDecision[] = [];
  const namesakeDecisions: UserDecision[] = [];
  for (const { user, target, aliases, read } of stored) {
    const list =
      isUser(names, login, user) || isUser(names, login, target)
        ? exactDecisions
        : mayBeUser(names, login, [user, target, ...aliases])
          ? namesakeDecisions
          : null;
    const decision = list === null ? null : read();
    if (decision !== null) list?.push({ user, decision });
  }
  const now = Date.now();
  const strictest = exactDecisions.reduce<UserDecision | null>((found, next) => {
    return found === null || stricter(found.decision, next.decision, now) === next.decision ? next : found;
  }, null);
  const partnershipDecision = strictest?.decision ?? null;
  return {
    partnershipDecision,
    decidedFor: strictest?.user ?? null,
    exactDecisions,
    namesakeDecisions,
    deviceWipe: entryOf(names, login, deviceDecision),
    partnershipWipe: entryOf(names, login, partnershipDecision),
  };
}

function isUser(names: UserNames, { name, user }: Login, other: UserKey): boolean {
  return names.same(other, user) || names.same(other, name);
}

function mayBeUser(names: UserNames, { name, user, aliases }: Login, others: readonly UserKey[]): boolean {
  return [name, user, ...aliases].some((own) => others.some((other) => names.meets(own, other)));
}

function entryOf(names: UserNames, login: Login, decision: ManualDecision | null): WipePartnership | null {
  if (!isOpenWipe(decision)) return null;
  return decision.wipe.partnerships.find(({ user }) => isUser(names, login, user as UserKey)) ?? null;
}
