// Owns which reported names belong to one user: which user a name stands for, by aliases and groups of domains (`identity.domains`), and
// which reports count for that user (decisions/0190). The caller adds the stored records, one local part at a time. No I/O.
// Threat: one source disabled the account, but under another name than the one under which the first source reports the user.
// Only reports of sources join names: phones choose the names in their requests.
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import { MAX_ALIASES } from '../model/report-bounds.ts';
import { readUserReport } from '../model/user.ts';
import type { UserReport } from '../model/user.ts';
import { inOrder } from './device-reports.ts';
import type { SourceOrder } from './device-reports.ts';
import type { JoinedUser } from './store.ts';
import type { SourceText, StoredUsers } from './stored-records.ts';
import type { TolerantReader } from './tolerant-reader.ts';
import { effectiveUser, enabledBy, withoutRenamed } from './user-reports.ts';

/** Most names of one user that have reports, and longest chain of aliases of aliases. A user with more is denied, as for a malformed record. */
export const MAX_JOINED = MAX_ALIASES;

/** The stored records of users with one folded local part. */
interface Part {
  readonly users: StoredUsers;
  readonly reports: ReadonlyMap<UserKey, readonly SourceText[]>;
  /** Null = no domains are grouped. */
  readonly grouped: GroupedNames | null;
}

/**
 * Names of one local part by their names in their groups of domains. A hoster has an `info` in thousands of domains: a walk over them for
 * each of them would take seconds.
 */
interface GroupedNames {
  /** Whom the first alias, as a text, stands for. */
  readonly aliases: ReadonlyMap<UserKey, UserKey>;
  /** Names under which something is reported. */
  readonly reported: ReadonlyMap<UserKey, readonly UserKey[]>;
}

/** What the names of one user lead to. */
interface Members {
  /** Reports under all names of the user, those under the user's own name first. */
  readonly reports: readonly UserReport[];
  /** Names under which something is reported, that its reports name, or reports under these, and that stand for another user. */
  readonly disputed: readonly UserKey[];
  /** All that were followed. */
  readonly names: Iterable<UserKey>;
}

interface Known {
  readonly joined: JoinedUser;
  readonly names: Iterable<UserKey>;
}

/** The users that names stand for directly, or other names of their groups of domains. */
export class Targets {
  private readonly aliases: ReadonlyMap<UserKey, UserKey>;
  private readonly names: UserNames;
  private grouped: ReadonlyMap<UserKey, readonly (readonly [UserKey, UserKey])[]> | null = null;

  /** `aliases`: all with the local part of the names. */
  constructor(aliases: ReadonlyMap<UserKey, UserKey>, names: UserNames) {
    this.aliases = aliases;
    this.names = names;
  }

  of(name: UserKey): readonly UserKey[] {
    if (this.aliases.size === 0) return NOTHING;
    if (!this.names.hasGroups) {
      const user = this.aliases.get(name);
      return user === undefined ? NOTHING : [user];
    }
    this.grouped ??= Map.groupBy(this.aliases, ([alias]) => this.names.canonical(alias));
    return (this.grouped.get(this.names.canonical(name)) ?? NOTHING).map(([, user]) => user);
  }
}

/** Joins the names of users, from the local parts added so far. */
export class JoinedNames {
  private readonly names: UserNames;
  private readonly sources: SourceOrder;
  private readonly reader: TolerantReader;
  private readonly parts = new Map<string, Part>();
  /** Most look-ups need no map for these two. */
  private understood: Map<UserKey, readonly UserReport[]> | null = null;
  private readonly joined = new Map<UserKey, Known>();
  private overfull: Set<UserKey> | null = null;

  /** `reader` collects the names of malformed records. */
  constructor(names: UserNames, sources: SourceOrder, reader: TolerantReader) {
    this.names = names;
    this.sources = sources;
    this.reader = reader;
  }

  /** How many local parts were read. */
  get size(): number {
    return this.parts.size;
  }

  has(part: string): boolean {
    return this.parts.has(part);
  }

  /** The records of all local parts added so far. */
  read(): Iterable<Part> {
    return this.parts.values();
  }

  /** Takes what is stored under one folded local part. */
  add(part: string, users: StoredUsers): void {
    const reports = users.reports.length === 0 ? NO_REPORTS : Map.groupBy(users.reports, ({ user }) => user);
    const grouped = this.names.hasGroups ? groupedNames(this.names, users, reports) : null;
    this.parts.set(part, { users, reports, grouped });
    if (this.joined.size > 0) this.joined.clear();
  }

  /**
   * The user that a name stands for: the end of its chain of aliases. If names are aliases of each other, the one that sorts first. If the
   * name is no alias, the name itself, canonical in its group of domains.
   */
  userOf(name: UserKey): UserKey {
    const first = this.aliasOf(name);
    if (first === undefined) return this.names.canonical(name);
    if (this.aliasOf(first) === undefined) return first;
    const chain = this.chainFrom(first);
    const last = chain.at(-1) ?? first;
    const again = chain.indexOf(last);
    return again === chain.length - 1 ? last : chain.slice(again).reduce((a, b) => (a < b ? a : b));
  }

  /** Whether the chain of aliases is longer than {@link MAX_JOINED}. */
  isEndless(name: UserKey): boolean {
    const first = this.aliasOf(name);
    return (
      first !== undefined && this.aliasOf(first) !== undefined && this.chainFrom(first).length > MAX_JOINED
    );
  }

  /** The user with what counts for it. `login`: the name that was looked up; it may be an alias that the reports of the user do not list yet. */
  userBehind(user: UserKey, login: UserKey = user): JoinedUser {
    return this.known(user, login).joined;
  }

  /** Names of which something may count for the user: all must be read before the user is known. */
  namesBehind(user: UserKey, login: UserKey = user): Iterable<UserKey> {
    return this.known(user, login).names;
  }

  private known(user: UserKey, login: UserKey): Known {
    let known = this.joined.get(user);
    if (known === undefined) {
      const members = this.membersOf(user, login);
      const reports = inOrder(members.reports, this.sources);
      const record = effectiveUser(user, reports, this.sources, this.names);
      const disabledBy = record === null || record.enabled === false ? null : this.disabledBy(members);
      const isDisabled = record !== null && disabledBy !== null;
      const joined = {
        user,
        record: isDisabled ? { ...record, enabled: false } : record,
        reports,
        disabledBy,
      };
      known = { joined, names: members.names };
      this.joined.set(user, known);
    }
    return known;
  }

  /** The chain of users from the user of an alias on; if it is a cycle, the last user is one that occurred before. */
  private chainFrom(first: UserKey): readonly UserKey[] {
    const chain: UserKey[] = [];
    for (let next: UserKey | undefined = first; next !== undefined; next = this.aliasOf(next)) {
      const isKnown = chain.includes(next);
      if (chain.push(next) > MAX_JOINED || isKnown) break;
    }
    return chain;
  }

  /** The user of which a name is an alias: the name itself, else its canonical form, else another name of its group of domains. */
  private aliasOf(name: UserKey): UserKey | undefined {
    const part = this.parts.get(foldedLocalPart(name));
    if (part === undefined || part.users.aliases.size === 0) return undefined;
    const found = part.users.aliases.get(name);
    if (found !== undefined || part.grouped === null) return found;
    const grouped = this.names.canonical(name);
    return part.users.aliases.get(grouped) ?? part.grouped.aliases.get(grouped);
  }

  /**
   * Follows the names that reports name, from those of the user on: also behind a name that stands for another user by now, because what was
   * reported behind it disabled the user before.
   */
  private membersOf(user: UserKey, login: UserKey): Members {
    if (this.reportedAs(user).length === 0 && (login === user || this.reportedAs(login).length === 0))
      return { reports: NOTHING, disputed: NOTHING, names: [user] };
    const names = new Set([user, login]);
    const disputed = new Set<UserKey>();
    const found = new Map<UserKey, readonly UserReport[]>();
    for (const name of names)
      for (const key of this.reportedAs(name)) {
        if (found.has(key) || disputed.has(key)) continue;
        if (found.size + disputed.size === MAX_JOINED) {
          this.tooMany(user);
          break;
        }
        const reports = this.reportsOn(key);
        if (name === user || name === login || this.names.same(this.userOf(name), user))
          found.set(key, reports);
        else disputed.add(key);
        for (const { aliases } of reports)
          for (const alias of (aliases ?? NOTHING) as readonly UserKey[]) names.add(alias);
      }
    const [only] = found.values();
    if (only !== undefined && found.size === 1) return { reports: only, disputed: [...disputed], names };
    const keys = [...found.keys()].sort(
      (a, b) => Number(b === user) - Number(a === user) || (a < b ? -1 : 1),
    );
    return { reports: keys.flatMap((key) => found.get(key) ?? NOTHING), disputed: [...disputed], names };
  }

  private tooMany(user: UserKey): void {
    this.overfull ??= new Set();
    if (this.overfull.has(user)) return;
    this.overfull.add(user);
    this.reader.fail(`user ${user}: reports under more names than a look-up reads`);
  }

  /** Names with reports that are the same as this one in its group of domains. */
  private reportedAs(name: UserKey): readonly UserKey[] {
    const part = this.parts.get(foldedLocalPart(name));
    if (part === undefined || part.reports.size === 0) return NOTHING;
    if (part.grouped === null) return part.reports.has(name) ? [name] : NOTHING;
    const keys = part.grouped.reported.get(this.names.canonical(name));
    if (keys === undefined) return NOTHING;
    const target = this.userOf(name);
    return keys.filter((key) => key === name || this.names.same(this.userOf(key), target));
  }

  private reportsOn(key: UserKey): readonly UserReport[] {
    this.understood ??= new Map();
    let reports = this.understood.get(key);
    if (reports === undefined) {
      const stored = this.parts.get(foldedLocalPart(key))?.reports.get(key) ?? NOTHING;
      reports = stored.flatMap(
        ({ source, text }) => this.reader.read(text, (one) => readUserReport(key, source, one)) ?? [],
      );
      this.understood.set(key, reports);
    }
    return reports;
  }

  /**
   * A report that disables the account under an alias that two users list. It is not certain whose alias it is, so both users are disabled.
   * A removal does not count if its source now reports either user under another name.
   */
  private disabledBy({ disputed, reports }: Members): UserReport | null {
    for (const key of disputed) {
      const owner = this.userOf(key);
      const known = [...reports, ...this.membersOf(owner, owner).reports];
      const counting = withoutRenamed(inOrder(this.reportsOn(key), this.sources), known, this.names);
      if (enabledBy(counting) === false) return counting.find(({ enabled }) => enabled === false) ?? null;
    }
    return null;
  }
}

const NOTHING: readonly never[] = Object.freeze([]);
const NO_REPORTS: Part['reports'] = new Map();

function groupedNames(names: UserNames, { aliases }: StoredUsers, reports: Part['reports']): GroupedNames {
  const first = new Map<UserKey, UserKey>();
  for (const alias of aliases.keys()) {
    const grouped = names.canonical(alias);
    const other = first.get(grouped);
    if (other === undefined || alias < other) first.set(grouped, alias);
  }
  const users = new Map<UserKey, UserKey>();
  for (const [grouped, alias] of first) {
    const user = aliases.get(alias);
    if (user !== undefined) users.set(grouped, user);
  }
  return { aliases: users, reported: Map.groupBy(reports.keys(), (key) => names.canonical(key)) };
}
