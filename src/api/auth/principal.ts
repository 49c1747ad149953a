// Owns who makes a request to the admin API, and what a role may do.
import { ROLES } from '../contract/paths.ts';
import type { Role } from '../contract/paths.ts';

/** Who makes a request. Times: milliseconds since the epoch. */
export interface Principal {
  /** Unlike names, unique: the token, or the account at the provider. Limits and Idempotency-Keys are by it. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** `bearer`: the token is in each request. Else a session, and how it began. */
  readonly by: 'bearer' | 'token' | 'setUp' | 'provider';
  /** Id of the session; null = none. */
  readonly session: string | null;
  /** Null = it does not end. */
  readonly expiresAt: number | null;
  /** Null = no session. */
  readonly idleUntil: number | null;
}

/** Whether a role has the rights of another. */
export function hasRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** The lower of two roles. */
export function lowerRole(one: Role, other: Role): Role {
  return hasRole(one, other) ? other : one;
}
