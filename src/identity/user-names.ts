// Owns the rules for which user names mean the same user, or may mean it: by the configured groups of domains, else by
// the local part. Pure.
// Threat: a decision on one spelling of a login that does not apply to the others. Mail servers open one mailbox for `dave`, `X\dave`
// and `dave@example.com`, and most ignore the `X`. Rule: a decision that denies applies to every name
// that may be the user; a decision that allows or erases applies to exact names.
import { domainToUnicode } from 'node:url';
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
 * (Microsoft KB 938447; Samba bug 14847). Comparing base letters of the root collation covers these cases, and more.
 */
const BASE_LETTERS = new Intl.Collator('und', { sensitivity: 'base' });

/** Whether a directory may treat two names, or parts of names, as equal. */
export function lookAlike(a: string, b: string): boolean {
  return a === b || BASE_LETTERS.compare(a, b) === 0;
}

/** The name without its NetBIOS domain. */
export function withoutNetbios(user: UserKey): UserKey {
  const slash = user.indexOf('\\');
  return slash === -1 ? user : (user.slice(slash + 1) as UserKey);
}

/**
 * The name under which a user is counted for limits. Neither a made-up NetBIOS domain nor an accent makes a different user; a DNS
 * domain does, since a host has an `info` in each of its domains.
 */
export function countedAs(user: UserKey): UserKey {
  return withoutNetbios(user).normalize('NFD').replaceAll(/\p{M}/gu, '') as UserKey;
}

/** The domain after `@`, '' = none. */
function suffixOf(user: string): string {
  const at = user.indexOf('\\') === -1 ? user.lastIndexOf('@') : -1;
  return at === -1 ? '' : user.slice(at + 1);
}

/**
 * The DNS domain of a UPN, '' = none. A suffix without a dot is a NetBIOS name, which Active Directory also accepts
 * after `@`.
 */
function dnsSuffix(user: string): string {
  const suffix = suffixOf(user);
  return suffix.includes('.') ? suffix : '';
}

const PRINTABLE_ASCII = /^[ -~]*$/;

/**
 * A domain in the form for people: `xn--exmple-cua.com` and `exämple.com` are one domain, with labels between dots or ideographic full
 * stops (RFC 5890 2.3.2.1, RFC 3490 3.1). Zimbra takes all these spellings.
 */
function readable(domain: string): string {
  if (PRINTABLE_ASCII.test(domain) && !domain.includes('xn--')) return domain;
  const found = domainToUnicode(domain);
  return found === '' ? domain : found;
}

/** User names under the groups of `identity.domains`. */
export class UserNames {
  /** Maps each domain of a group to the group's canonical prefix or suffix: `@example.com` or `example\`. */
  private readonly domains = new Map<string, string>();

  /** Each group lists the DNS suffixes and NetBIOS names of one set of users. */
  constructor(groups: readonly (readonly string[])[]) {
    for (const group of groups) {
      const domains = group.map((domain) => domain.toLowerCase());
      const dns = domains.find((domain) => domain.includes('.'));
      const [first = ''] = domains;
      for (const domain of domains) this.domains.set(domain, dns === undefined ? `${first}\\` : `@${dns}`);
    }
  }

  /** Whether any domains are grouped. */
  get hasGroups(): boolean {
    return this.domains.size > 0;
  }

  /** The canonical name of a user: with the first DNS suffix of its group, else with the group's first name. */
  canonical(user: UserKey): UserKey {
    if (this.domains.size === 0) return user;
    const slash = user.indexOf('\\');
    const standing = this.domains.get(slash === -1 ? suffixOf(user) : user.slice(0, slash));
    if (standing === undefined) return user;
    const local = localPart(user);
    return (standing.startsWith('@') ? local + standing : standing + local) as UserKey;
  }

  /** Whether two names are one user by the groups: every decision on one applies to the other. */
  same(a: UserKey, b: UserKey): boolean {
    return a === b || this.canonical(a) === this.canonical(b);
  }

  /**
   * Whether two names may be one user: their local parts are equal apart from accents, and they do not have two different DNS
   * domains. A denial of one then applies to the other.
   */
  mayBeSame(a: UserKey, b: UserKey): boolean {
    const [one, other] = [this.canonical(a), this.canonical(b)];
    if (one === other) return true;
    if (!lookAlike(localPart(one), localPart(other))) return false;
    const [suffix, otherSuffix] = [dnsSuffix(one), dnsSuffix(other)];
    return (
      suffix === '' ||
      otherSuffix === '' ||
      lookAlike(suffix, otherSuffix) ||
      lookAlike(readable(suffix), readable(otherSuffix))
    );
  }
}

/** No groups configured. */
export const NO_GROUPS = new UserNames([]);
