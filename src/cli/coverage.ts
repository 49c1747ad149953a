// Owns what an operator reads of a decision they wrote: whom it holds for, whom not, and what it replaced.
import type { DirectoryStore, PartnershipListing } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import type { AccessDecision } from '../policy/model.ts';
import { isWipe } from '../policy/wipe.ts';
import { decidedOn, wipeText } from './decisions.ts';
import type { Decided } from './decisions.ts';
import { target } from './device-names.ts';

/** Names listed of one kind. */
const MAX_NAMES = 5;

/** Whom the directory knows on a device. */
export interface Acquaintance {
  readonly device: DeviceKey;
  /** A feed reported it, or a user was seen with it. */
  readonly known: boolean;
  readonly users: readonly UserKey[];
}

/** Reads who was seen with a device. */
export async function acquaintanceOf(store: DirectoryStore, device: DeviceKey): Promise<Acquaintance> {
  const users = usersOf(await store.listPartnerships(), device);
  const record = (await store.getDevice(device))?.record ?? null;
  return { device, known: record !== null || users.length > 0, users };
}

function usersOf(partnerships: readonly PartnershipListing[], device: DeviceKey): UserKey[] {
  return partnerships.filter(({ record }) => record.device === device).map(({ record }) => record.user);
}

/** Warnings before a decision: an id or a user that nobody has seen may be a slip of the pen. */
export function warnings(
  store: DirectoryStore,
  { device, known, users }: Acquaintance,
  user: UserKey | null,
): string[] {
  if (!known) return [`no feed reported ${device} and no user was seen with it: is the id right?`];
  if (user === null || users.some((seen) => store.names.meets(seen, user))) return [];
  const others = users.length === 0 ? 'nobody was' : `only ${listed(users)}`;
  return [`${user} was never seen with ${device}, ${others}: is the name right?`];
}

/** Whom a decision holds for, one line each. */
export async function coverage(
  store: DirectoryStore,
  { device, users }: Acquaintance,
  user: UserKey | null,
  action: AccessDecision['action'],
): Promise<string[]> {
  const others = (await decidedOn(store, device)).filter((stored) => stored.user !== user);
  return user === null
    ? deviceCoverage(users, action, others)
    : [...userCoverage(store, users, user, action), ...stricterOnes(store, user, action, others)];
}

function deviceCoverage(
  users: readonly UserKey[],
  action: AccessDecision['action'],
  others: readonly Decided[],
): string[] {
  const seen = users.length === 0 ? '' : ` (seen: ${listed(users)})`;
  const lines = [`holds for every user of the device${seen}, however its id is spelled`];
  if (action === 'block') return lines;
  for (const { user, decision } of others)
    if (user !== null && decision.action !== action)
      lines.push(`does not hold for ${user}: ${wipeText(decision)} by ${decision.owner}`);
  return lines;
}

function userCoverage(
  store: DirectoryStore,
  users: readonly UserKey[],
  user: UserKey,
  action: AccessDecision['action'],
): string[] {
  const { names } = store;
  const local = localPart(user);
  const alike = users.filter((seen) => localPart(seen) === local && !names.same(seen, user));
  const apart = alike.filter((seen) => action === 'allow' || !names.meets(seen, user));
  const met = alike.filter((seen) => !apart.includes(seen));
  const lines: string[] = [];
  if (action === 'allow') {
    lines.push(`holds for the login ${user} alone, and for names that identity.domains makes the same`);
    const example = user.includes('@') ? `${local} or DOMAIN\\${local}` : `${local}@a.domain`;
    lines.push(
      apart.length > 0
        ? `does not hold for ${listed(apart)}, seen with the device: name it too`
        : `does not hold for other spellings of the login, such as ${example}`,
    );
    return lines;
  }
  const suffix =
    user.includes('@') && !user.includes('\\') ? 'but those of another DNS domain' : 'of any domain';
  const seen = met.length === 0 ? '' : ` (seen: ${listed(met)})`;
  lines.push(`holds for ${user}, and for all logins named ${local} ${suffix}${seen}`);
  if (apart.length > 0) lines.push(`does not hold for ${listed(apart)}, of another DNS domain`);
  return lines;
}

/** What holds in place of a decision on a user. */
function stricterOnes(
  store: DirectoryStore,
  user: UserKey,
  action: AccessDecision['action'],
  others: readonly Decided[],
): string[] {
  return others
    .filter(({ user: name, decision }) => {
      if (decision.action === 'block' || isWipe(decision))
        return action !== 'block' && (name === null || store.names.meets(name, user));
      return (
        decision.action === 'quarantine' &&
        action === 'allow' &&
        name !== null &&
        store.names.meets(name, user)
      );
    })
    .map(({ user: name, decision }) => {
      const where = name === null ? 'the device' : name;
      return `has no effect while this holds: ${wipeText(decision)} on ${where} by ${decision.owner}`;
    });
}

/** What a new decision replaced. */
export function replacedText(device: DeviceKey, replaced: readonly Decided[]): string[] {
  return replaced.map(({ user, decision }) => {
    const { owner, reason, expiresAt } = decision;
    const why = reason === null ? '' : ` (${reason})`;
    const until = expiresAt === null ? '' : `, until ${new Date(expiresAt).toISOString()}`;
    return `replaces ${wipeText(decision)} on ${target(device, user)} by ${owner}${why}${until}`;
  });
}

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return names.slice(0, MAX_NAMES).join(', ') + more;
}
