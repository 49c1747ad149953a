// Owns the comparison of the `User=` claim with the authenticated name. Pure; hot path.
import type { UserKey } from './keys.ts';
import { userKey } from './user.ts';

/**
 * Whether a `User=` value means the same user. After the same normalisation the local parts must be equal, and the
 * domains too where both have one: `alice`, `CONTOSO\alice` and `alice@contoso.com` agree with each other, but
 * `alice@a.example` does not agree with `alice@b.example`.
 */
export function claimAgrees(claim: string, user: UserKey): boolean {
  if (claim === user) return true;
  const key = userKey(claim);
  if (key === user) return true;
  const claimAt = key.lastIndexOf('@');
  const userAt = user.lastIndexOf('@');
  // Both have a domain and they differ, or neither has one and the names differ.
  if ((claimAt === -1) === (userAt === -1)) return false;
  return claimAt === -1 ? user.slice(0, userAt) === key : key.slice(0, claimAt) === user;
}
