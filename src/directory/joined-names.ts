// Owns which names that sources report are one user: whom a name stands for, by aliases and groups of domains, and which reports count
// for that user (decisions/0190). A store hands it the records of one local part after the other. No I/O.
// Threat: an account that one source disabled under another name than the one by which the first source knows the user.
// Names that phones choose join nothing: only what sources report does.
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

/** Most names of one user under which something is reported, and most aliases one behind the other. A user with more is denied. */
export const MAX_JOINED = MAX_ALIASES;

/** What was read of users. */
interface Part {
  readonly users: StoredUsers;
  readonly reports: ReadonlyMap<UserKey, readonly SourceText[]>;
}

/** The names of one user. */
interface Members {
  /** Those on the user's own name first. */
  readonly reports: readonly UserReport[];
  /** Names that its reports name, and that stand for another user. */
  readonly disputed: ReadonlySet<UserKey>;
}

/** The users that a name stands for directly, or another name of its group of domains. `aliases`: of its local part. */
export function targetsOf(
  name: UserKey,
  aliases: ReadonlyMap<UserKey, UserKey>,
  names: UserNames,
): readonly UserKey[] {
  if (aliases.size === 0) return NOTHING;
  if (names.hasGroups)
    return [...aliases].filter(([alias]) => names.same(alias, name)).map(([, user]) => user);
  const user = aliases.get(name);
  return user === undefined ? NOTHING : [user];
}

/** The names of some users, as far as they were read. */
export class JoinedNames {
  private readonly names: UserNames;
  private readonly sources: SourceOrder;
  private readonly reader: TolerantReader;
  private readonly parts = new Map<string, Part>();
  private readonly understood = new Map<UserKey, readonly UserReport[]>();
  private readonly joined = new Map<UserKey, JoinedUser>();
  private readonly overfull = new Set<UserKey>();

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

  /** What was read. */
  read(): Iterable<Part> {
    return this.parts.values();
  }

  /** Takes what is stored under one folded local part. */
  add(part: string, users: StoredUsers): void {
    const reports = users.reports.length === 0 ? NO_REPORTS : Map.groupBy(users.reports, ({ user }) => user);
    this.parts.set(part, { users, reports });
    this.joined.clear();
  }

  /**
   * The user that a name stands for: by its alias, by that of the user whom the alias stands for, and so on. Of names that stand for
   * each other it is the first one as a text; without any alias, the name itself in its group of domains.
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

  /** Whether more aliases stand one behind the other than are followed. */
  isEndless(name: UserKey): boolean {
    const first = this.aliasOf(name);
    return (
      first !== undefined && this.aliasOf(first) !== undefined && this.chainFrom(first).length > MAX_JOINED
    );
  }

  /** `login`: the name that was looked up: it may stand for a user whose reports do not name it yet. */
  userBehind(user: UserKey, login: UserKey = user): JoinedUser {
    let joined = this.joined.get(user);
    if (joined === undefined) {
      const members = this.membersOf(user, login);
      const reports = inOrder(members.reports, this.sources);
      const record = effectiveUser(user, reports, this.sources);
      const disabledBy = record === null || record.enabled === false ? null : this.disabledBy(members);
      const isDisabled = record !== null && disabledBy !== null;
      joined = { user, record: isDisabled ? { ...record, enabled: false } : record, reports, disabledBy };
      this.joined.set(user, joined);
    }
    return joined;
  }

  /** The user of an alias, and those that it stands for, one behind the other; the last one occurs twice where they stand for each other. */
  private chainFrom(first: UserKey): readonly UserKey[] {
    const chain: UserKey[] = [];
    for (let next: UserKey | undefined = first; next !== undefined; next = this.aliasOf(next)) {
      const isKnown = chain.includes(next);
      if (chain.push(next) > MAX_JOINED || isKnown) break;
    }
    return chain;
  }

  /** By the name itself, else by the name in its group of domains, else by another name of the group. */
  private aliasOf(name: UserKey): UserKey | undefined {
    const aliases = this.parts.get(foldedLocalPart(name))?.users.aliases;
    if (aliases === undefined || aliases.size === 0) return undefined;
    const grouped = this.names.canonical(name);
    const found = aliases.get(name) ?? aliases.get(grouped);
    if (found !== undefined || !this.names.hasGroups) return found;
    const [other] = [...aliases.keys()].filter((alias) => this.names.canonical(alias) === grouped).sort();
    return other === undefined ? undefined : aliases.get(other);
  }

  /** Follows the names that reports name, from those of the user on. */
  private membersOf(user: UserKey, login: UserKey): Members {
    if (this.reportedAs(user).length === 0 && (login === user || this.reportedAs(login).length === 0))
      return NO_MEMBERS;
    const names = new Set([user, login]);
    const disputed = new Set<UserKey>();
    const found = new Map<UserKey, readonly UserReport[]>();
    for (const name of names)
      for (const key of this.reportedAs(name)) {
        if (found.has(key)) continue;
        if (found.size === MAX_JOINED) {
          this.tooMany(user);
          break;
        }
        const reports = this.reportsOn(key);
        found.set(key, reports);
        for (const { aliases } of reports)
          for (const alias of (aliases ?? NOTHING) as readonly UserKey[])
            (this.names.same(this.userOf(alias), user) ? names : disputed).add(alias);
      }
    const [only] = found.values();
    if (only !== undefined && found.size === 1) return { reports: only, disputed };
    const keys = [...found.keys()].sort(
      (a, b) => Number(b === user) - Number(a === user) || (a < b ? -1 : 1),
    );
    return { reports: keys.flatMap((key) => found.get(key) ?? NOTHING), disputed };
  }

  private tooMany(user: UserKey): void {
    if (this.overfull.has(user)) return;
    this.overfull.add(user);
    this.reader.fail(`user ${user}: reports under more names than a look-up reads`);
  }

  /** Names that are this one in its group of domains, and under which something is reported. */
  private reportedAs(name: UserKey): readonly UserKey[] {
    const reports = this.parts.get(foldedLocalPart(name))?.reports ?? NO_REPORTS;
    if (reports.size === 0) return NOTHING;
    if (!this.names.hasGroups) return reports.has(name) ? [name] : NOTHING;
    const target = this.userOf(name);
    return [...reports.keys()].filter(
      (key) => key === name || (this.names.same(key, name) && this.names.same(this.userOf(key), target)),
    );
  }

  private reportsOn(key: UserKey): readonly UserReport[] {
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
   * Of names that two users have: whose they are is not certain, so an account that is disabled under one of them is for both. Removals do not
   * count where the source has either user under another name by now.
   */
  private disabledBy({ disputed, reports }: Members): UserReport | null {
    for (const name of disputed)
      for (const key of this.reportedAs(name)) {
        const owner = this.userOf(key);
        const known = [...reports, ...this.membersOf(owner, owner).reports];
        const counting = withoutRenamed(inOrder(this.reportsOn(key), this.sources), known);
        if (enabledBy(counting) === false) return counting.find(({ enabled }) => enabled === false) ?? null;
      }
    return null;
  }
}

const NOTHING: readonly never[] = Object.freeze([]);
const NO_MEMBERS: Members = Object.freeze({ reports: NOTHING, disputed: new Set<never>() });
const NO_REPORTS: Part['reports'] = new Map();
