// Owns what the directory knows of the user behind a login: which user the name stands for, which names are that user or may
// be, and what is stored of them. A store hands it the records of one local part after the other. No I/O.
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import { readDecisionRecord, readImported } from '../model/decision.ts';
import type { ImportedDecision, ManualDecision } from '../model/decision.ts';
import { MAX_ALIASES } from '../model/report-bounds.ts';
import type { UserRecord } from '../model/user.ts';
import { withItem } from './collected-records.ts';
import type { SourceOrder } from './device-reports.ts';
import { JoinedNames } from './joined-names.ts';
import type { JoinedUser } from './store.ts';
import { recordNames } from './record-names.ts';
import type { UserDecision, UserDevice } from './store.ts';
import type { StoredUsers } from './stored-records.ts';
import type { TolerantReader } from './tolerant-reader.ts';
import { joinUserDevices } from './user-devices.ts';

/** Most local parts that one look-up reads: those of a user with all names of two feeds. Of a user with more the requests are denied. */
const MAX_LOCAL_PARTS = 2 * (MAX_ALIASES + 1);

/** How a name that something is stored under relates to the login. */
type Relation = 'own' | 'namesake' | 'other';

/**
 * Reads until nothing is missing: `for (let parts = login.missing(); parts.length > 0; parts = login.missing())` read each and
 * {@link add} it. One round for most logins, a second one where the user has names of other local parts.
 */
export class LoginReader {
  /** The login name as given. */
  readonly name: UserKey;
  private readonly names: UserNames;
  private readonly reader: TolerantReader;
  private readonly joined: JoinedNames;
  /** Its folded local part. */
  private readonly first: string;
  /** Of names that were asked about; null = none yet. */
  private relations: Map<UserKey, Relation> | null = null;
  private isCut = false;
  private target: UserKey | null = null;

  /** `reader` collects the names of malformed records. */
  constructor(names: UserNames, sources: SourceOrder, name: UserKey, reader: TolerantReader) {
    this.names = names;
    this.name = name;
    this.first = foldedLocalPart(name);
    this.reader = reader;
    this.joined = new JoinedNames(names, sources, reader);
  }

  /** Folded local parts of which the users are still to be read; empty = everything is known. */
  missing(): readonly string[] {
    const { joined } = this;
    if (!joined.has(this.first)) return [this.first];
    if (this.isCut) return NOTHING;
    let wanted = this.withWanted(null, joined.namesBehind(this.user, this.name));
    for (const user of this.namesakes()) wanted = this.withWanted(wanted, joined.namesBehind(user));
    const free = MAX_LOCAL_PARTS - joined.size;
    if ((wanted !== null && wanted.size > free) || joined.isEndless(this.name)) {
      this.isCut = true;
      this.reader.fail(`user ${this.user}: more names than a look-up reads`);
    }
    return wanted === null ? NOTHING : [...wanted].slice(0, free);
  }

  /** Takes what is stored under one folded local part. */
  add(part: string, users: StoredUsers): void {
    this.joined.add(part, users);
    for (const failure of users.failures) this.reader.fail(failure);
    this.relations = null;
    this.target = null;
  }

  /** The user that the login stands for: by the directory's aliases, else by the groups of domains. */
  get user(): UserKey {
    this.target ??= this.joined.size === 0 ? this.name : this.joined.userOf(this.name);
    return this.target;
  }

  /** {@link user} with the reports under all its names. */
  get behind(): JoinedUser {
    return this.joined.userBehind(this.user, this.name);
  }

  /** What the feeds report of that user; null = no feed knows the user. */
  get record(): UserRecord | null {
    return this.behind.record;
  }

  /** Whether a decision, partnership or device stored under this name belongs to the user, or may. */
  relationOf(stored: UserKey): Relation {
    if (stored === this.user || stored === this.name) return 'own';
    this.relations ??= new Map();
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
  decisions(relation: Relation, epoch: number): readonly UserDecision[] {
    let found: readonly UserDecision[] = NOTHING;
    for (const { users } of this.joined.read()) {
      for (const [user, text] of users.decisions) {
        if (this.relationOf(user) !== relation) continue;
        const decision = this.decisionOf(user, text, epoch);
        if (decision !== null) found = withItem(found, { user, decision });
      }
    }
    return found;
  }

  /** Decisions that feeds imported on the user, with every device. */
  imported(): readonly ImportedDecision[] {
    let found: readonly ImportedDecision[] = NOTHING;
    for (const { users } of this.joined.read()) {
      for (const { user, source, text } of users.imported) {
        if (!this.isOwn(user)) continue;
        const decision = this.reader.read(text, (stored) =>
          readImported(stored, recordNames.imported(source, null, user)),
        );
        if (decision !== null) found = withItem(found, { device: null, user, source, decision });
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
      for (const name of [user, ...(this.joined.userBehind(user).record?.aliases ?? [])]) {
        const part = foldedLocalPart(name);
        if (!parts.has(part)) names.add(name);
        parts.add(part);
      }
    }
    return names;
  }

  /** Devices of the user under all names, in the order of first seen. */
  devices(): readonly UserDevice[] {
    let own: readonly UserDevice[] = NOTHING;
    for (const { users } of this.joined.read())
      for (const device of users.devices) if (this.isOwn(device.user)) own = withItem(own, device);
    return joinUserDevices(own);
  }

  private decisionOf(user: UserKey, text: string, epoch: number): ManualDecision | null {
    const what = recordNames.decision(null, user);
    return this.reader.read(text, (stored) => readDecisionRecord(stored, what, epoch))?.decision ?? null;
  }

  private relate(stored: UserKey): Relation {
    const { user } = this;
    const target = this.joined.userOf(stored);
    if (target === user || this.isSame(stored, user) || this.isSame(target, user)) return 'own';
    const others = [stored, target, ...(this.joined.userBehind(target).record?.aliases ?? [])];
    return this.ownNames().some((own) => others.some((other) => this.names.mayBeSame(own, other)))
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
  private namesakes(): ReadonlySet<UserKey> {
    if (!this.hasOthers()) return NOBODY;
    const found = new Set<UserKey>();
    const own = this.ownNames();
    const mayBeOwn = (name: UserKey): boolean => own.some((one) => this.names.mayBeSame(one, name));
    const note = (name: UserKey, user: UserKey): void => {
      if (user !== this.user && mayBeOwn(name)) found.add(user);
    };
    for (const { users, reports } of this.joined.read()) {
      for (const user of reports.keys()) note(user, this.joined.userOf(user));
      for (const alias of users.aliases.keys()) note(alias, this.joined.userOf(alias));
    }
    return found;
  }

  /** Whether anything is stored of a user that is not the login's. Of most logins there is not. */
  private hasOthers(): boolean {
    const { user } = this;
    for (const { users, reports } of this.joined.read()) {
      for (const name of reports.keys()) if (name !== user) return true;
      for (const target of users.aliases.values()) if (target !== user) return true;
    }
    return false;
  }

  /** Local parts to read, with those of these names that were not read yet. Null = none: the names of most users have one local part. */
  private withWanted(wanted: Set<string> | null, names: Iterable<UserKey>): Set<string> | null {
    let all = wanted;
    for (const name of names) {
      const part = foldedLocalPart(name);
      if (!this.joined.has(part)) (all ??= new Set()).add(part);
    }
    return all;
  }
}

const NOTHING: readonly never[] = Object.freeze([]);
const NOBODY: ReadonlySet<never> = new Set<never>();
