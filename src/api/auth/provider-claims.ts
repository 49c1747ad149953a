// Owns what the claims of an OpenID provider say of a person: name and role. Pure.
import type { ProviderSettings } from '../../config/schema/admin-provider.ts';
import { plain } from '../../plain-text.ts';
import { ROLES } from '../contract/paths.ts';
import type { Role } from '../contract/paths.ts';

/** Claims of one token (OpenID Connect Core 5.1). */
export type Claims = Readonly<Record<string, unknown>>;

const MAX_NAME = 100;

/** The name that decisions and the audit show. */
export function nameIn(claims: Claims, { nameClaim }: ProviderSettings): string {
  for (const claim of [nameClaim, 'email', 'name', 'sub']) {
    const value = claimOf(claims, claim);
    const name = typeof value === 'string' ? plain(value, MAX_NAME).trim() : '';
    if (name !== '') return name;
  }
  return '?';
}

/** The highest role of somebody's groups; null = none. */
export function roleIn(claims: Claims, { rolesClaim, roles }: ProviderSettings): Role | null {
  // An address that the provider did not check may be that of somebody else (OpenID Connect Core 5.7).
  if (rolesClaim === 'email' && claims['email_verified'] !== true) return null;
  const value = claimOf(claims, rolesClaim);
  const groups = new Set(Array.isArray(value) ? value : [value]);
  return ROLES.findLast((role) => roles[role].some((group) => groups.has(group))) ?? null;
}

/** Whether the token names no groups, because there are too many (Microsoft Entra: `_claim_names`). */
export function hasGroupsElsewhere(claims: Claims, { rolesClaim }: ProviderSettings): boolean {
  const names = claims['_claim_names'];
  return typeof names === 'object' && names !== null && Object.hasOwn(names, rolesClaim);
}

/** Whether the claim is there. */
export function hasClaim(claims: Claims, name: string): boolean {
  return claimOf(claims, name) !== undefined;
}

/** By its whole name, which may have dots (https://example.com/roles), else along them. */
function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}
