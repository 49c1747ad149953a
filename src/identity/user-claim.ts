// Owns the comparison of the authenticated name with the other names of a request. Pure; hot path.
import type { UserKey } from './keys.ts';
import { NO_GROUPS, localPart, withoutNetbios } from './user-names.ts';
import type { UserNames } from './user-names.ts';
import { isUserError, userKey } from './user.ts';

/**
 * Whether a `User=` value means the same user. The local parts must be equal, and the domains too where both are UPNs,
 * unless `identity.domains` says they are one: `alice`, `CONTOSO\alice` and `alice@contoso.com` agree with each other, but
 * `alice@a.example` does not agree with `alice@b.example`.
 */
export function claimAgrees(claim: string, user: UserKey, names: UserNames = NO_GROUPS): boolean {
  if (claim === user) return true;
  const key = userKey(claim);
  if (isUserError(key)) return false;
  if (key === user) return true;
  if (localPart(key) !== localPart(user)) return false;
  return !(key.includes('@') && user.includes('@')) || names.same(key, user);
}

/** Whether a login is the user of the client certificate: the same name, but for a NetBIOS domain, or one by the groups. */
export function isCertified(user: UserKey, certified: UserKey, names: UserNames): boolean {
  return (
    user === certified || withoutNetbios(user) === withoutNetbios(certified) || names.same(user, certified)
  );
}
