// Owns whom a manual decision covers and whom not, and probable typing errors in its subject. As data, without sentences.
import type { DirectoryStore, Pair } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart, lookAlike } from '../identity/user-names.ts';
import type { AccessDecision, ManualDecision } from '../model/decision.ts';
import { isWipe } from '../model/wipe.ts';
import { decidedOn } from './write-decision.ts';
import type { Decided } from './write-decision.ts';

/** One fact about the coverage of a decision. */
export type CoverageNote =
  /** Applies to every user of the device, under every spelling of its id; `seen`: users with a partnership. */
  | { readonly kind: 'everyUser'; readonly seen: readonly UserKey[] }
  /** Does not apply to a user with a decision of their own. */
  | { readonly kind: 'exceptUser'; readonly user: UserKey; readonly decision: ManualDecision }
  /** Applies to exactly this login name, and to names that identity.domains makes equivalent. */
  | { readonly kind: 'exactLogin'; readonly user: UserKey }
  /** Does not apply to other spellings of the login name; `seen`: those seen with the device. */
  | { readonly kind: 'notOtherSpellings'; readonly user: UserKey; readonly seen: readonly UserKey[] }
  /** Applies to every login name that may be this user: of any domain, or (`notOtherSuffixes`) only of this DNS domain. */
  | {
      readonly kind: 'alikeLogins';
      readonly user: UserKey;
      readonly notOtherSuffixes: boolean;
      readonly seen: readonly UserKey[];
    }
  /** Does not apply to these names, seen with the device, which are of another DNS domain. */
  | { readonly kind: 'notOtherDomains'; readonly seen: readonly UserKey[] }
  /** Has no effect while this stricter decision is in force; `user` null = a decision on the device. */
  | { readonly kind: 'overruledBy'; readonly user: UserKey | null; readonly decision: ManualDecision }
  /** Has no effect while this block of the user with every device is in force. */
  | { readonly kind: 'overruledByUser'; readonly user: UserKey; readonly decision: ManualDecision }
  /** Has no effect while the account is disabled, where the policy keeps disabled users out. */
  | { readonly kind: 'accountDisabled'; readonly user: UserKey };

/** A warning: an id or user that was never seen may be a typing error. */
export type Doubt =
  | { readonly kind: 'unknownDevice'; readonly device: DeviceKey }
  | {
      readonly kind: 'unknownUser';
      readonly device: DeviceKey;
      readonly user: UserKey;
      readonly seen: readonly UserKey[];
    };

/** Who was seen with a device, as far as decisions on it need that. */
export interface SeenUsers {
  readonly device: DeviceKey;
  /** A feed reported the device, or it has a partnership. */
  readonly known: boolean;
  readonly users: readonly UserKey[];
}

/** Reads who was seen with a device. */
export async function readSeenUsers(store: DirectoryStore, device: DeviceKey): Promise<SeenUsers> {
  const entry = await store.getDevice(device);
  const users = entry?.partnerships.map(({ user }) => user) ?? [];
  return { device, known: (entry?.record ?? null) !== null || users.length > 0, users };
}

/** Probable typing errors in the subject of a decision. */
export function doubts(
  store: DirectoryStore,
  { device, known, users }: SeenUsers,
  user: UserKey | null,
): Doubt[] {
  if (!known) return [{ kind: 'unknownDevice', device }];
  if (user === null || users.some((seen) => store.names.mayBeSame(seen, user))) return [];
  return [{ kind: 'unknownUser', device, user, seen: users }];
}

/** The coverage of a decision that was just written. */
export async function coverage(
  store: DirectoryStore,
  { device, users }: SeenUsers,
  user: UserKey | null,
  action: AccessDecision['action'],
): Promise<CoverageNote[]> {
  const now = Date.now();
  const others = (await decidedOn(store, device)).filter(
    ({ user: other, decision: { expiresAt } }) => other !== user && (expiresAt === null || expiresAt > now),
  );
  return user === null
    ? deviceCoverage(users, action, others)
    : [
        ...userCoverage(store, users, user, action),
        ...stricterOnes(store, user, action, others),
        ...(await stricterOfUser(store, { user, device }, action, now)),
      ];
}

function deviceCoverage(
  users: readonly UserKey[],
  action: AccessDecision['action'],
  others: readonly Decided[],
): CoverageNote[] {
  const notes: CoverageNote[] = [{ kind: 'everyUser', seen: users }];
  if (action === 'block') return notes;
  for (const { user, decision } of others)
    if (user !== null && decision.action !== action) notes.push({ kind: 'exceptUser', user, decision });
  return notes;
}

function userCoverage(
  store: DirectoryStore,
  users: readonly UserKey[],
  user: UserKey,
  action: AccessDecision['action'],
): CoverageNote[] {
  const { names } = store;
  const local = localPart(user);
  const alike = users.filter((seen) => lookAlike(localPart(seen), local) && !names.same(seen, user));
  const apart = alike.filter((seen) => action === 'allow' || !names.mayBeSame(seen, user));
  if (action === 'allow')
    return [
      { kind: 'exactLogin', user },
      { kind: 'notOtherSpellings', user, seen: apart },
    ];
  const notOtherSuffixes = user.includes('@') && !user.includes('\\');
  const met = alike.filter((seen) => !apart.includes(seen));
  const notes: CoverageNote[] = [{ kind: 'alikeLogins', user, notOtherSuffixes, seen: met }];
  if (apart.length > 0) notes.push({ kind: 'notOtherDomains', seen: apart });
  return notes;
}

/** Stricter decisions that apply instead of a decision on a user. */
function stricterOnes(
  store: DirectoryStore,
  user: UserKey,
  action: AccessDecision['action'],
  others: readonly Decided[],
): CoverageNote[] {
  return others
    .filter(({ user: name, decision }) => {
      if (decision.action === 'block' || isWipe(decision))
        return action !== 'block' && (name === null || store.names.mayBeSame(name, user));
      return (
        decision.action === 'quarantine' &&
        action === 'allow' &&
        name !== null &&
        store.names.mayBeSame(name, user)
      );
    })
    .map(({ user: name, decision }) => ({ kind: 'overruledBy', user: name, decision }));
}

/** What is decided and known of the user with every device, and outweighs a decision on one device. */
async function stricterOfUser(
  store: DirectoryStore,
  { user, device }: Pair,
  action: AccessDecision['action'],
  now: number,
): Promise<CoverageNote[]> {
  if (action === 'block') return [];
  const { userDecisions, namesakeUserDecisions, userRecord } = await store.lookup(user, device);
  const blocks = [...userDecisions, ...namesakeUserDecisions].filter(
    ({ decision: one }) => one.action === 'block' && (one.expiresAt === null || one.expiresAt > now),
  );
  return [
    ...blocks.map(({ user: name, decision }) => ({ kind: 'overruledByUser', user: name, decision }) as const),
    ...(userRecord?.enabled === false ? [{ kind: 'accountDisabled', user } as const] : []),
  ];
}
