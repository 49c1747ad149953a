// Owns the users of a run: the groups of each, from the members that groups name, what each user becomes, and how many accounts and
// memberships the run changes. The records wait in a temporary file until the whole run is known; in memory are the names of the users and numbers.
import { setImmediate as turn } from 'node:timers/promises';
import { BULK_RECORDS } from '../directory/store.ts';
import type { GroupLine, UserLine } from '../feeds/record.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserObservation } from '../model/user.ts';
import { NONE, NameIndex } from '../name-index.ts';
import { NumberColumn, NumberLists } from '../number-lists.ts';
import type { Touched } from './brakes.ts';
import { GroupNames } from './group-lists.ts';
import type { KnownUser, KnownUsers } from './known-users.ts';
import { millis, withoutUnsaid } from './line-observations.ts';
import type { Partly } from './line-observations.ts';
import { NumberedNames } from './numbered-names.ts';
import { SortedSpool } from './sorted-spool.ts';
import { UserTally } from './user-tally.ts';

/** What the users of a run become; may be read more than once. */
export interface UserChanges {
  readonly touched: readonly Touched[];
  /** What phones may lose their mail by: accounts that are removed or disabled. In batches to be written. */
  readonly restrictions: () => AsyncGenerator<readonly UserObservation[]>;
  /** Everything else. */
  readonly releases: () => AsyncGenerator<readonly UserObservation[]>;
}

/** How the lines of a run are to be understood. */
export interface UserRun {
  readonly source: string;
  /** When the source was read, milliseconds since the epoch. */
  readonly readAt: number;
  /** Users that the run did not bring are removed. */
  readonly removesUsers: boolean;
  /** Groups that the run did not bring have no members any more. */
  readonly removesGroups: boolean;
}

/** A user and its other names. */
export interface Named {
  readonly key: string;
  readonly aliases: readonly string[] | null;
}

/** What is kept of a line, with the number of its user. `groups`: their numbers. */
type SpooledUser = Omit<Partly<UserLine>, 'type' | 'line' | 'source' | 'groups' | 'problems'> & {
  readonly number: number;
  readonly groups: readonly number[] | null;
};

/** The last line of a user. */
interface CountedLine {
  readonly line: SpooledUser;
  /** From 1. */
  readonly place: number;
}

/** An observation to be written, and the user before it. */
interface Change {
  readonly observation: UserObservation;
  readonly before: KnownUser | null;
}

const NONE_AROUND: readonly string[] = Object.freeze([]);
/** Users that are looked at without a turn of the event loop. */
const BATCH = 500;

/** Users and groups of one run. Users have numbers: first those that are known, then the others. */
export class RunUsers {
  private readonly known: KnownUsers;
  private readonly namesBefore: () => AsyncIterable<readonly Named[]>;
  private readonly others = new NumberedNames();
  private readonly spool = new SortedSpool<SpooledUser>(({ id }) => id);
  private count = 0;
  /** By user: its last line, from 1; 0 = it has none. */
  private readonly lastLines = new NumberColumn();
  /** By user: 1 = the source says that it deleted it. */
  private readonly gone = new NumberColumn();
  private hasGone = false;
  /** By id at the source: the number of lines before the source said that it deleted the user. */
  private readonly goneBehind = new NameIndex();
  private readonly groupNames = new GroupNames();
  /** Names of the groups that the run brought. */
  private readonly groups = new Set<string>();
  /** By user: the groups that name it as a member. */
  private memberships = new NumberLists();

  /**
   * `known`: what the source reported before. `namesBefore`: reads the names of those users from the directory; only where a member of a group is not
   * the own name of a user.
   */
  constructor(known: KnownUsers, namesBefore: () => AsyncIterable<readonly Named[]>) {
    this.known = known;
    this.namesBefore = namesBefore;
  }

  /** A user may come several times: the last line counts. */
  async addUser(line: UserLine): Promise<void> {
    const { type: _type, line: _line, source: _source, problems: _problems, groups, ...kept } = line;
    const number = this.numberOf(line.id);
    this.lastLines.set(number, ++this.count);
    // Deleted, and restored later in the same run.
    if (this.isGone(number)) this.gone.set(number, 0);
    const numbers = groups === null ? null : groups.map((group) => this.groupNames.numberOf(group));
    await this.spool.add({ ...kept, number, groups: numbers });
  }

  /** A group may come in several lines. */
  addGroup({ id, members }: Pick<GroupLine, 'id' | 'members'>): void {
    this.groups.add(id);
    const group = this.groupNames.numberOf(id);
    for (const member of members) this.memberships.add(this.numberOf(member), group);
  }

  /** The source says that it deleted the user whose record has this id, by whatever names it was reported. */
  addGone(sourceId: string): void {
    for (const number of this.known.withSourceId(sourceId)) {
      this.gone.set(number, 1);
      this.hasGone = true;
    }
    if (this.count > 0) this.goneBehind.set(sourceId, this.count);
  }

  /** What is to be written, and what it changes. */
  async changes(run: UserRun): Promise<UserChanges> {
    const isAbout = this.count > 0 || this.groups.size > 0 || this.hasGone;
    if (!isAbout && !run.removesUsers && !run.removesGroups)
      return { touched: [], restrictions: nothing, releases: nothing };
    await this.settleGone();
    await this.settleMembers();
    const tally = new UserTally();
    for (let number = 0; number < this.known.size; number++) {
      if (number % BATCH === 0) await turn();
      const user = this.known.at(number);
      if (user !== null) tally.add(user);
    }
    let restrictions = 0;
    let releases = 0;
    for await (const batch of this.all(run))
      for (const { observation, before } of batch) {
        tally.count(before, observation);
        if (isRestriction(observation)) restrictions++;
        else releases++;
      }
    return {
      touched: tally.touched(),
      restrictions: () => (restrictions === 0 ? nothing() : this.written(run, true)),
      releases: () => (releases === 0 ? nothing() : this.written(run, false)),
    };
  }

  async close(): Promise<void> {
    await this.spool.close();
  }

  private async *written(run: UserRun, restricts: boolean): AsyncGenerator<readonly UserObservation[]> {
    let wanted: UserObservation[] = [];
    for await (const batch of this.all(run))
      for (const { observation } of batch) {
        if (isRestriction(observation) !== restricts) continue;
        wanted.push(observation);
        if (wanted.length < BULK_RECORDS) continue;
        yield wanted;
        wanted = [];
      }
    if (wanted.length > 0) yield wanted;
  }

  /** All that is to be written: of the users that the run brought, then of others that it may change. */
  private async *all(run: UserRun): AsyncGenerator<readonly Change[]> {
    for await (const batch of this.lines()) {
      await turn();
      yield batch.flatMap(({ line }) => this.change(line.number, line, run) ?? []);
    }
    const aboutKnown = run.removesUsers || run.removesGroups || this.groups.size > 0;
    for (let from = 0; from < this.size; from += BATCH) {
      await turn();
      const changes: Change[] = [];
      for (let number = from; number < Math.min(from + BATCH, this.size); number++) {
        const isKnown = number < this.known.size;
        const isAbout = (isKnown && aboutKnown) || this.isGone(number) || this.memberships.has(number);
        if (!isAbout || this.isInRun(number)) continue;
        const change = this.change(number, null, run);
        if (change !== null) changes.push(change);
      }
      if (changes.length > 0) yield changes;
    }
  }

  /** The lines that count, in the order of their users. */
  private async *lines(): AsyncGenerator<readonly CountedLine[]> {
    for await (const batch of this.spool.batches(BATCH))
      yield batch.flatMap(({ line, place }) =>
        this.lastLines.get(line.number) === place + 1 ? [{ line, place: place + 1 }] : [],
      );
  }

  private get size(): number {
    return this.known.size + this.others.size;
  }

  /** The number of a user, which it gets now if it has none. */
  private numberOf(name: string): number {
    const known = this.known.numberOf(name);
    return known === NONE ? this.known.size + this.others.add(name) : known;
  }

  private keyOf(number: number): UserKey {
    const { known, others } = this;
    return number < known.size ? known.keyOf(number) : (others.nameAt(number - known.size) as UserKey);
  }

  private isInRun(number: number): boolean {
    return this.lastLines.get(number) !== 0;
  }

  private isGone(number: number): boolean {
    return this.gone.get(number) === 1;
  }

  /**
   * Users that the run brought before the source deleted them: also those that were unknown, or have a new name.
   * Threat: a deleted account whose phone goes on reading mail.
   */
  private async settleGone(): Promise<void> {
    if (this.goneBehind.size === 0) return;
    for await (const batch of this.lines())
      for (const { line, place } of batch)
        if (line.sourceId !== null && this.goneBehind.get(line.sourceId) >= place)
          this.gone.set(line.number, 1);
  }

  /**
   * Gives the groups of each member to the user that its name belongs to. A user's own name comes before an alias of another user.
   * Threat: somebody who gives himself the name of another user as an alias, and gets the groups of that user in a run that does
   * not bring the other one.
   */
  private async settleMembers(): Promise<void> {
    const isOther = (number: number): boolean =>
      this.memberships.has(number) && !this.isInRun(number) && !this.known.isPresent(number);
    let hasOthers = false;
    for (let number = 0; number < this.size && !hasOthers; number++) {
      if (number % BATCH === 0) await turn();
      hasOthers = isOther(number);
    }
    if (!hasOthers) return;
    /** By member: the number of the user with this alias, from 1. A line of the run counts before the directory, and a later line before others. */
    const users = new NumberColumn();
    const places = new NumberColumn();
    const note = (aliases: readonly string[] | null, user: number, place: number): void => {
      for (const alias of aliases ?? []) {
        const member = this.find(alias);
        if (member === NONE || !isOther(member) || place < places.get(member)) continue;
        users.set(member, user + 1);
        places.set(member, place);
      }
    };
    for await (const batch of this.namesBefore())
      for (const { key, aliases } of batch) {
        const number = this.known.numberOf(key);
        if (number !== NONE) note(aliases, number, 0);
      }
    for await (const batch of this.lines())
      for (const { line, place } of batch) note(line.aliases, line.number, place);
    const settled = new NumberLists();
    for (let number = 0; number < this.size; number++) {
      if (number % BATCH === 0) await turn();
      const user = users.get(number);
      for (const group of this.memberships.of(number)) settled.add(user === 0 ? number : user - 1, group);
    }
    this.memberships = settled;
  }

  /** The number of a name; {@link NONE} = it has none. */
  private find(name: string): number {
    const known = this.known.numberOf(name);
    if (known !== NONE) return known;
    const other = this.others.numberOf(name);
    return other === NONE ? NONE : this.known.size + other;
  }

  private change(number: number, line: SpooledUser | null, run: UserRun): Change | null {
    const before = this.known.at(number);
    const observation = this.observationOf(number, before, line, run);
    return observation === null ? null : { observation, before };
  }

  private observationOf(
    number: number,
    before: KnownUser | null,
    line: SpooledUser | null,
    run: UserRun,
  ): UserObservation | null {
    const key = line === null ? this.keyOf(number) : (line.id as UserKey);
    const groups = this.groupsAround(number);
    const { source, readAt } = run;
    const isAbsent = line === null && groups.length === 0;
    if (this.isGone(number) || (isAbsent && run.removesUsers))
      return before === null || before.isRemoved
        ? null
        : { key, source, observedAt: readAt, version: readAt, removed: true };
    const next = this.groupsAfter(before, line, groups, run);
    if (line === null) {
      const isSame = before !== null && !before.isRemoved && sameGroups(before.groups, next);
      if (isSame || (before?.isRemoved === true && isAbsent)) return null;
      return { key, source, observedAt: readAt, version: readAt, groups: next };
    }
    const observation: UserObservation = {
      key,
      source,
      observedAt: millis(line.observedAt) ?? readAt,
      version: readAt,
      aliases: line.aliases,
      groups: next,
      enabled: line.enabled,
      sourceId: line.sourceId,
      attributes: line.attributes,
      removed: false,
    };
    return withoutUnsaid(observation, line.unsaid);
  }

  /** Names of the groups of the run that have a user as a member. */
  private groupsAround(number: number): readonly string[] {
    if (!this.memberships.has(number)) return NONE_AROUND;
    return this.groupNames.namesOf([...new Set(this.memberships.of(number))]);
  }

  private groupsAfter(
    before: KnownUser | null,
    line: SpooledUser | null,
    groups: readonly string[],
    { removesGroups }: UserRun,
  ): readonly string[] | null {
    const said = line === null || line.groups === null ? null : this.groupNames.namesOf(line.groups);
    const stay = said ?? (removesGroups ? null : (before?.groups ?? null));
    if (stay === null && groups.length === 0 && this.groups.size === 0) return null;
    // A group that the run brought has the members that it brought, and no others.
    const others = said ?? (stay ?? []).filter((group) => !this.groups.has(group));
    return [...new Set([...others, ...groups])].toSorted();
  }
}

/** What makes it harder for a user's phones. */
function isRestriction({ removed, enabled }: UserObservation): boolean {
  return removed === true || enabled === false;
}

async function* nothing(): AsyncGenerator<never> {
  // the run changes no users
}

function sameGroups(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((group) => other.includes(group));
}
