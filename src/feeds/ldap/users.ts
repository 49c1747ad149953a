// Owns how an entry of a directory becomes a user record: names, groups, whether the account may sign in.
import { addressName, distinct, smtpAddresses, userName } from '../identities.ts';
import type { Attributes, RefusedLine, UserLine } from '../record.ts';
import { MAX_TEXT } from '../values.ts';
import { plain } from '../../plain-text.ts';
import type { Directory } from './dialect.ts';
import { dnKey, guidText, sidInDomain } from './entry.ts';
import type { DirectoryEntry } from './entry.ts';
import type { Groups } from './groups.ts';
import type { LdapSettings } from './settings.ts';

/** userAccountControl: the account is disabled (MS-ADTS 2.2.16, ADS_UF_ACCOUNT_DISABLE). */
const DISABLED = 0x2;
const MAX_NAMES = 200;

/** What users are read with. */
export interface UserReading {
  readonly directory: Directory;
  readonly settings: LdapSettings;
  readonly groups: Groups;
  readonly domains: ReadonlyMap<string, string>;
  readonly source: string;
}

/** The attributes that a user record is made of. */
export function userAttributes(directory: Directory, settings: LdapSettings): string[] {
  const own = directory.isActiveDirectory
    ? ['sAMAccountName', 'userAccountControl', 'primaryGroupID', 'objectSid']
    : [];
  const disabled = settings.disabledAttribute === undefined ? [] : [settings.disabledAttribute];
  const { idAttribute, changeAttribute, userNames } = directory;
  const mapped = Object.values(settings.attributes);
  return [...new Set([idAttribute, changeAttribute, ...userNames, ...own, ...disabled, ...mapped])];
}

/** The record of a user; refused when no name of it can sign in. `line`: the number of the entry in this run. */
export function userLine(entry: DirectoryEntry, line: number, reading: UserReading): UserLine | RefusedLine {
  const { directory, settings, source } = reading;
  const names = distinct([
    ...directory.userNames.flatMap((attribute) => namesIn(entry, attribute)),
    domainName(entry, reading),
  ]).slice(0, MAX_NAMES);
  const [id, ...aliases] = names;
  if (id === undefined)
    return {
      type: 'refused',
      line,
      reason: `"${plain(entry.dn, 200)}" has no user name that phones could send`,
    };
  return {
    type: 'user',
    line,
    source,
    id,
    aliases,
    groups: groupsOf(entry, reading),
    enabled: isEnabled(entry, directory, settings),
    sourceId: sourceIdOf(entry, directory),
    attributes: attributesOf(entry, settings),
    observedAt: null,
    problems: [],
  };
}

/** The id of an entry that survives renaming. */
export function sourceIdOf(entry: DirectoryEntry, { idAttribute }: Directory): string | null {
  return idAttribute === 'objectGUID' ? guidText(entry.bytes(idAttribute)) : entry.text(idAttribute);
}

function namesIn(entry: DirectoryEntry, attribute: string): (string | null)[] {
  const texts = entry.texts(attribute);
  const word = attribute.toLowerCase();
  // `SMTP:` is the primary address, `smtp:` are others; X400:, SIP: and the like are no logins.
  if (word === 'proxyaddresses') return smtpAddresses(texts);
  return texts.map(word === 'mail' ? addressName : userName);
}

/** DOMAIN\name: the short name of the domain is that of the longest naming context that the DN ends with. */
function domainName(entry: DirectoryEntry, { domains }: UserReading): string | null {
  const sam = entry.text('sAMAccountName');
  if (sam === null) return null;
  const dn = entry.dn.toLowerCase();
  let context = '';
  for (const one of domains.keys()) if (one.length > context.length && dn.endsWith(`,${one}`)) context = one;
  const short = domains.get(context);
  return short === undefined ? null : userName(`${short}\\${sam}`);
}

function groupsOf(entry: DirectoryEntry, { directory, groups }: UserReading): string[] {
  const sid = entry.bytes('objectSid');
  const number = Number(entry.text('primaryGroupID') ?? Number.NaN);
  // The primary group does not name its members.
  const primary =
    directory.isActiveDirectory && sid !== null && sid.length >= 12 && Number.isInteger(number)
      ? (groups.bySid.get(sidInDomain(sid, number)) ?? null)
      : null;
  return groups.closure.groupsOf(dnKey(entry.dn), primary);
}

function isEnabled(entry: DirectoryEntry, directory: Directory, settings: LdapSettings): boolean | null {
  if (directory.isActiveDirectory) {
    const control = entry.text('userAccountControl');
    if (control !== null && /^-?\d{1,10}$/.test(control) && (Number(control) & DISABLED) !== 0) return false;
  }
  if (settings.disabledAttribute !== undefined) {
    const values = entry.texts(settings.disabledAttribute).map((value) => value.toLowerCase());
    const means = new Set(settings.disabledValues.map((value) => value.toLowerCase()));
    return !values.some((value) => means.has('*') || means.has(value));
  }
  // Without the right to read it, the attribute is missing.
  return directory.isActiveDirectory && entry.has('userAccountControl') ? true : null;
}

function attributesOf(entry: DirectoryEntry, settings: LdapSettings): Attributes {
  const attributes: Attributes = {};
  for (const [name, attribute] of Object.entries(settings.attributes)) {
    const value = entry.texts(attribute).join(', ');
    if (value !== '') attributes[name] = plain(value, MAX_TEXT);
  }
  return attributes;
}
