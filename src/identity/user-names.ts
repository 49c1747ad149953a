// Owns which user names mean the same user, and which may: by the configured groups of domains, else by the local part.
// Threat: a decision on one spelling of a login that is void for the others. Mail servers take `dave`, `X\dave` and
// `dave@example.com` for one mailbox, and most ignore the `X`. Rule: what keeps out holds for every name that may be the
// user; what lets in or erases holds for exact names. Pure.
import type { UserKey } from './keys.ts';

/** The name without its domain, NetBIOS or DNS. */
export function localPart(user: string): string {
  const slash = user.indexOf('\\');
  if (slash !== -1) return user.slice(slash + 1);
  const at = user.lastIndexOf('@');
  return at === -1 ? user : user.slice(0, at);
}

/**
 * Active Directory compares names without their accents: `dàve` and `ďåvé` sign in as `dave`, `straße` as `strasse`
 * (Microsoft KB 938447; Samba bug 14847). Base letters of the root collation are the same, but for more.
 */
const BASE_LETTERS = new Intl.Collator('und', { sensitivity: 'base' });

/** Whether a directory may take two names, or parts of names, for one. */
export function lookAlike(a: string, b: string): boolean {
  return a === b || BASE_LETTERS.compare(a, b) === 0;
}

/** The name without a NetBIOS domain in front. */
export function withoutNetbios(user: UserKey): UserKey {
  const slash = user.indexOf('\\');
  return slash === -1 ? user : (user.slice(slash + 1) as UserKey);
}

/**
 * What a user is counted as: a made-up NetBIOS domain or an accent makes no new user of one. A DNS domain does: hosts have an
 * `info` in each.
 */
export function countedAs(user: UserKey): UserKey {
  return withoutNetbios(user).normalize('NFD').replaceAll(/\p{M}/gu, '') as UserKey;
}

/** The domain behind `@`, '' = none. */
function suffixOf(user: string): string {
  const at = user.indexOf('\\') === -1 ? user.lastIndexOf('@') : -1;
  return at === -1 ? '' : user.slice(at + 1);
}

/** The DNS domain of a UPN, '' = none. A suffix without a dot is a NetBIOS name, which AD takes behind `@` too. */
function dnsSuffix(user: string): string {
  const suffix = suffixOf(user);
  return suffix.includes('.') ? suffix : '';
}

/** User names under the groups of `identity.domains`. */
export class UserNames {
  /** From each domain of a group to what stands for the group: `@example.com` or `example\`. */
  private readonly domains = new Map<string, string>();

  /** Each group: DNS suffixes and NetBIOS names of one set of users. */
  constructor(groups: readonly (readonly string[])[]) {
    for (const group of groups) {
      const domains = group.map((domain) => domain.toLowerCase());
      const dns = domains.find((domain) => domain.includes('.'));
      const [first = ''] = domains;
      for (const domain of domains) this.domains.set(domain, dns === undefined ? `${first}\\` : `@${dns}`);
    }
  }

  /** The one name of a user by the groups: with the first DNS suffix of its group, else with its first name. */
  canonical(user: UserKey): UserKey {
    if (this.domains.size === 0) return user;
    const slash = user.indexOf('\\');
    const standing = this.domains.get(slash === -1 ? suffixOf(user) : user.slice(0, slash));
    if (standing === undefined) return user;
    const local = localPart(user);
    return (standing.startsWith('@') ? local + standing : standing + local) as UserKey;
  }

  /** Whether two names are one user by the groups: then every decision on one holds for the other. */
  same(a: UserKey, b: UserKey): boolean {
    return a === b || this.canonical(a) === this.canonical(b);
  }

  /**
   * Whether two names may be one user: the local parts are equal but for accents, and not two DNS domains tell them apart.
   * Then what keeps one out keeps out the other.
   */
  meets(a: UserKey, b: UserKey): boolean {
    const [one, other] = [this.canonical(a), this.canonical(b)];
    if (one === other) return true;
    if (!lookAlike(localPart(one), localPart(other))) return false;
    const [suffix, otherSuffix] = [dnsSuffix(one), dnsSuffix(other)];
    return suffix === '' || otherSuffix === '' || lookAlike(suffix, otherSuffix);
  }
}

/** Without groups. */
export const NO_GROUPS = new UserNames([]);
