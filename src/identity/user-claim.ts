// Owns the comparison of the authenticated user with other names in a request. Pure; hot path.
import type { UserKey } from './keys.ts';
import { NO_GROUPS, localPart, withoutNetbios } from './user-names.ts';
import type { UserNames } from './user-names.ts';
import { isUserError, userKey } from './user.ts';

/**
 * Whether a `User=` value means the authenticated user. The local parts must be equal, and the domains too when both
 * are UPNs, unless `identity.domains` groups them: `alice`, `CONTOSO\alice` and `alice@contoso.com` agree with each
 * other, but `alice@a.example` does not agree with `alice@b.example`.
 */
export function claimAgrees(claim: string, user: UserKey, names: UserNames = NO_GROUPS): boolean {
  if (claim === user) return true;
  const key = userKey(claim);
  if (isUserError(key)) return false;
  if (key === user) return true;
  if (localPart(key) !== localPart(user)) return false;
  return !(key.includes('@') && user.includes('@')) || names.same(key, user);
}

/**
 * Whether a login belongs to the user of the client certificate: the same name apart from a NetBIOS domain, or the same
 * user by the configured groups.
 */
export function isCertified(user: UserKey, certified: UserKey, names: UserNames): boolean {
  return (
    user === certified || withoutNetbios(user) === withoutNetbios(certified) || names.same(user, certified)
  );
}
