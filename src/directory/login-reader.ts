// Owns what the directory knows of the user behind a login: which user the name stands for, which names are that user or may
// be, and what is stored of them. A store hands it the records of one local part after the other. No I/O.
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import { readDecisionRecord, readImported } from '../model/decision.ts';
import type { ImportedDecision, ManualDecision } from '../model/decision.ts';
import { MAX_ALIASES } from '../model/report-bounds.ts';
import { readUserReport } from '../model/user.ts';
import type { UserRecord, UserReport } from '../model/user.ts';
import type { SourceOrder } from './device-reports.ts';
import { recordNames } from './record-names.ts';
import type { UserDecision, UserDevice } from './store.ts';
import type { SourceText, StoredUsers } from './stored-records.ts';
import type { TolerantReader } from './tolerant-reader.ts';
import { joinUserDevices } from './user-devices.ts';
import { effectiveUser } from './user-reports.ts';

/** Most local parts that one look-up reads: those of a user with all names of two feeds. Of a user with more the requests are denied. */
const MAX_LOCAL_PARTS = 2 * (MAX_ALIASES + 1);

/** How a name that something is stored under relates to the login. */
type Relation = 'own' | 'namesake' | 'other';

/** A local part, as it was read. */
interface Part {
  readonly users: StoredUsers;
  readonly reports: ReadonlyMap<UserKey, readonly SourceText[]>;
}

/**
 * Reads until nothing is missing: `for (let parts = login.missing(); parts.length > 0; parts = login.missing())` read each and
 * {@link add} it. One round for most logins, a second one where the user has names of other local parts.
 */
export class LoginReader {
  /** The login name as given. */
  readonly name: UserKey;
  private readonly names: UserNames;
  private readonly sources: SourceOrder;
  private readonly reader: TolerantReader;
  private readonly parts = new Map<string, Part>();
  private readonly records = new Map<UserKey, UserRecord | null>();
  private readonly relations = new Map<UserKey, Relation>();
  private isCut = false;
  private target: UserKey | null = null;

  /** `reader` collects the names of malformed records. */
  constructor(names: UserNames, sources: SourceOrder, name: UserKey, reader: TolerantReader) {
    this.names = names;
    this.sources = sources;
    this.name = name;
    this.reader = reader;
  }

  /** Folded local parts of which the users are still to be read; empty = everything is known. */
  missing(): readonly string[] {
    const first = foldedLocalPart(this.name);
    if (!this.parts.has(first)) return [first];
    const wanted = new Set<string>();
    const want = (user: UserKey): void => {
      const part = foldedLocalPart(user);
      if (!this.parts.has(part)) wanted.add(part);
    };
    for (const user of [this.user, ...this.namesakes()]) {
      want(user);
      for (const alias of this.recordOf(user)?.aliases ?? []) want(alias);
    }
    if (wanted.size === 0 || this.isCut) return [];
    const free = MAX_LOCAL_PARTS - this.parts.size;
    if (wanted.size > free) {
      this.isCut = true;
      this.reader.fail(`user ${this.user}: more names than a look-up reads`);
    }
    return [...wanted].slice(0, free);
  }

  /** Takes what is stored under one folded local part. */
  add(part: string, users: StoredUsers): void {
    this.parts.set(part, { users, reports: Map.groupBy(users.reports, ({ user }) => user) });
    for (const failure of users.failures) this.reader.fail(failure);
    this.relations.clear();
  }

  /** The user that the login stands for: by the directory's aliases, else by the groups of domains. */
  get user(): UserKey {
    this.target ??= this.parts.size === 0 ? null : this.targetOf(this.name);
    return this.target ?? this.name;
  }

  /** What the feeds report of that user; null = no feed knows the user. */
  get record(): UserRecord | null {
    return this.recordOf(this.user);
  }

  /** Whether a decision, partnership or device stored under this name belongs to the user, or may. */
  relationOf(stored: UserKey): Relation {
    let relation = this.relations.get(stored);
    if (relation === undefined) {
      relation = this.relate(stored);
      this.relations.set(stored, relation);
    }
    return relation;
  }

  isOwn(stored: UserKey): boolean {
    return this.relationOf(stored) === 'own';
  }

  /** Decisions on users with every device, under names of this relation. */
  decisions(relation: Relation, epoch: number): UserDecision[] {
    const found: UserDecision[] = [];
    for (const { users } of this.parts.values()) {
      for (const [user, text] of users.decisions) {
        if (this.relationOf(user) !== relation) continue;
        const decision = this.decisionOf(user, text, epoch);
        if (decision !== null) found.push({ user, decision });
      }
    }
    return found;
  }

  /** Decisions that feeds imported on the user, with every device. */
  imported(): ImportedDecision[] {
    const found: ImportedDecision[] = [];
    for (const { users } of this.parts.values()) {
      for (const { user, source, text } of users.imported) {
        if (!this.isOwn(user)) continue;
        const decision = this.reader.read(text, (stored) =>
          readImported(stored, recordNames.imported(source, null, user)),
        );
        if (decision !== null) found.push({ device: null, user, source, decision });
      }
    }
    return found;
  }

  /**
   * Names that a decision on the login concerns, for the change log: all of the user, and one for each other local part of users
   * whom a denial of the login denies too. Complete when nothing is missing.
   */
  concerned(): ReadonlySet<UserKey> {
    const names = new Set(this.ownNames());
    const parts = new Set([...names].map(foldedLocalPart));
    for (const user of this.namesakes()) {
      for (const name of [user, ...(this.recordOf(user)?.aliases ?? [])]) {
        const part = foldedLocalPart(name);
        if (!parts.has(part)) names.add(name);
        parts.add(part);
      }
    }
    return names;
  }

  /** Devices of the user under all names, in the order of first seen. */
  devices(): readonly UserDevice[] {
    const own = [...this.parts.values()].flatMap(({ users }) =>
      users.devices.filter(({ user }) => this.isOwn(user)),
    );
    return joinUserDevices(own);
  }

  private decisionOf(user: UserKey, text: string, epoch: number): ManualDecision | null {
    const what = recordNames.decision(null, user);
    return this.reader.read(text, (stored) => readDecisionRecord(stored, what, epoch))?.decision ?? null;
  }

  private targetOf(name: UserKey): UserKey {
    const grouped = this.names.canonical(name);
    return this.aliasOf(name) ?? this.aliasOf(grouped) ?? grouped;
  }

  private aliasOf(name: UserKey): UserKey | undefined {
    return this.parts.get(foldedLocalPart(name))?.users.aliases.get(name);
  }

  private recordOf(user: UserKey): UserRecord | null {
    const known = this.records.get(user);
    if (known !== undefined) return known;
    const part = this.parts.get(foldedLocalPart(user));
    if (part === undefined) return null;
    const reports: UserReport[] = [];
    for (const { source, text } of part.reports.get(user) ?? []) {
      const report = this.reader.read(text, (stored) => readUserReport(user, source, stored));
      if (report !== null) reports.push(report);
    }
    const record = effectiveUser(user, reports, this.sources);
    this.records.set(user, record);
    return record;
  }

  private relate(stored: UserKey): Relation {
    const { user } = this;
    const target = this.targetOf(stored);
    if (target === user || this.isSame(stored, user) || this.isSame(target, user)) return 'own';
    const others = [stored, target, ...(this.recordOf(target)?.aliases ?? [])];
    return this.ownNames().some((own) => others.some((other) => this.names.meets(own, other)))
      ? 'namesake'
      : 'other';
  }

  private isSame(other: UserKey, user: UserKey): boolean {
    return this.names.same(other, user) || this.names.same(other, this.name);
  }

  private ownNames(): readonly UserKey[] {
    return [this.name, this.user, ...(this.record?.aliases ?? [])];
  }

  /** Other users known to feeds, of whom some name may be the login's user. */
  private namesakes(): Set<UserKey> {
    const found = new Set<UserKey>();
    const own = this.ownNames();
    const meets = (name: UserKey): boolean => own.some((one) => this.names.meets(one, name));
    for (const { users, reports } of this.parts.values()) {
      for (const user of reports.keys()) if (user !== this.user && meets(user)) found.add(user);
      for (const [alias, user] of users.aliases) if (user !== this.user && meets(alias)) found.add(user);
    }
    return found;
  }
}
