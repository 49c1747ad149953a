// Owns the users of a run: groups closed into their members, and how many accounts and memberships the run changes. Pure.
// The users of a run are kept in memory: names and groups, no more.
import type { UserKey } from '../identity/keys.ts';
import type { GroupLine, UserLine } from '../feeds/record.ts';
import type { UserObservation, UserReport } from '../model/user.ts';
import { MORE_GROUPS } from '../model/report-bounds.ts';
import type { Touched } from './brakes.ts';
import { millis, withoutUnsaid } from './line-observations.ts';
import type { Partly } from './line-observations.ts';

/** What the users of a run become. */
export interface UserChanges {
  readonly observations: readonly UserObservation[];
  readonly touched: readonly Touched[];
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

/** Users and groups of one run. */
export class RunUsers {
  readonly users = new Map<UserKey, Partly<UserLine>>();
  readonly groups = new Map<string, Set<string>>();
  /** Users that the source says it deleted. */
  readonly gone = new Set<UserKey>();
  private readonly known: ReadonlyMap<UserKey, UserReport>;

  /** `known`: what the source reported before. */
  constructor(known: ReadonlyMap<UserKey, UserReport>) {
    this.known = known;
  }

  addUser(line: UserLine): void {
    const key = line.id as UserKey;
    this.users.set(key, line);
    // Deleted, and restored later in the same run.
    this.gone.delete(key);
  }

  /** Users by their other names; the run knows better than the directory. */
  private *aliases(): Generator<undefined, Map<string, UserKey>> {
    const userOf = new Map<string, UserKey>();
    for (const users of [this.known, this.users])
      for (const [key, { aliases }] of users) {
        yield;
        for (const alias of aliases ?? []) userOf.set(alias, key);
      }
    return userOf;
  }

  /** A group may come in several lines. */
  addGroup({ id, members }: GroupLine): void {
    const known = this.groups.get(id) ?? new Set<string>();
    for (const member of members) known.add(member);
    this.groups.set(id, known);
  }

  /** What is to be written, and what it changes; in parts, since there may be very many users. */
  *changes(run: UserRun): Generator<undefined, UserChanges> {
    const isAbout = this.users.size + this.groups.size + this.gone.size > 0;
    if (!isAbout && !run.removesUsers && !run.removesGroups) return { observations: [], touched: [] };
    const groupsOf = yield* this.membersByUser();
    const tally = yield* Tally.before(this.known);
    const observations: UserObservation[] = [];
    for (const key of this.keys(groupsOf, run)) {
      yield;
      const observation = this.observationOf(key, groupsOf.get(key) ?? [], run);
      if (observation === null) continue;
      observations.push(observation);
      tally.count(this.known.get(key) ?? null, observation);
    }
    return { observations, touched: tally.touched() };
  }

  /** The users that the run may change, each once. */
  private *keys(groupsOf: ReadonlyMap<UserKey, unknown>, run: UserRun): Generator<UserKey> {
    const { users, gone } = this;
    yield* users.keys();
    for (const key of groupsOf.keys()) if (!users.has(key)) yield key;
    for (const key of gone) if (!users.has(key) && !groupsOf.has(key)) yield key;
    if (run.removesUsers || run.removesGroups || this.groups.size > 0)
      for (const key of this.known.keys())
        if (!users.has(key) && !groupsOf.has(key) && !gone.has(key)) yield key;
  }

  private *membersByUser(): Generator<undefined, Map<UserKey, string[]>> {
    const groupsOf = new Map<UserKey, string[]>();
    if (this.groups.size === 0) return groupsOf;
    const userOf = yield* this.aliases();
    for (const [group, members] of this.groups)
      for (const member of members) {
        yield;
        const key = this.memberKey(member as UserKey, userOf);
        const groups = groupsOf.get(key);
        if (groups === undefined) groupsOf.set(key, [group]);
        else if (!groups.includes(group)) groups.push(group);
      }
    return groupsOf;
  }

  /**
   * The user that a member's name belongs to. A user's own name comes before an alias of another user.
   * Threat: somebody who gives himself the name of another user as an alias, and gets the groups of that user in a run that does
   * not bring the other one.
   */
  private memberKey(member: UserKey, userOf: ReadonlyMap<string, UserKey>): UserKey {
    const known = this.known.get(member);
    const isUser = this.users.has(member) || (known !== undefined && known.removed !== true);
    return isUser ? member : (userOf.get(member) ?? member);
  }

  private observationOf(key: UserKey, groups: readonly string[], run: UserRun): UserObservation | null {
    const line = this.users.get(key);
    const before = this.known.get(key);
    const { source, readAt } = run;
    const isAbsent = line === undefined && groups.length === 0;
    if (this.gone.has(key) || (isAbsent && run.removesUsers))
      return before === undefined || before.removed === true
        ? null
        : { key, source, observedAt: readAt, version: readAt, removed: true };
    const next = this.groupsAfter(before ?? null, line ?? null, groups, run);
    if (line === undefined) {
      const isSame = before !== undefined && before.removed !== true && sameGroups(before.groups, next);
      if (isSame || (before?.removed === true && isAbsent)) return null;
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

  private groupsAfter(
    before: UserReport | null,
    line: UserLine | null,
    groups: readonly string[],
    { removesGroups }: UserRun,
  ): readonly string[] | null {
    const stay = line?.groups ?? (removesGroups ? null : (before?.groups ?? null));
    if (stay === null && groups.length === 0 && this.groups.size === 0) return null;
    // A group that the run brought has the members that it brought, and no others.
    const others = line?.groups ?? (stay ?? []).filter((group) => !this.groups.has(group));
    return [...new Set([...others, ...groups])].toSorted();
  }
}

function sameGroups(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((group) => other.includes(group));
}

/** The names of groups, without {@link MORE_GROUPS}. */
function named(groups: readonly string[] | null | undefined): readonly string[] {
  return (groups ?? []).filter((group) => group !== MORE_GROUPS);
}

/** Counts what changes, of accounts and of the members of each group. */
class Tally {
  private before = 0;
  private readonly members = new Map<string, number>();
  private readonly lost = new Map<string, number>();
  private readonly gained = new Map<string, number>();
  private removed = 0;
  private switched = 0;

  /** `known`: what the source reported before. */
  static *before(known: ReadonlyMap<UserKey, UserReport>): Generator<undefined, Tally> {
    const tally = new Tally();
    for (const { removed, groups } of known.values()) {
      yield;
      if (removed === true) continue;
      tally.before++;
      for (const group of named(groups)) increment(tally.members, group);
    }
    return tally;
  }

  count(before: UserReport | null, after: UserObservation): void {
    const earlier = before === null || before.removed === true ? [] : named(before.groups);
    const later = after.removed === true ? [] : named(after.groups);
    const staying = after.groups === undefined && after.removed !== true;
    if (staying) return this.countAccount(before, after);
    for (const group of earlier) if (!later.includes(group)) increment(this.lost, group);
    for (const group of later) if (!earlier.includes(group)) increment(this.gained, group);
    this.countAccount(before, after);
  }

  private countAccount(before: UserReport | null, after: UserObservation): void {
    if (before === null) return;
    if (after.removed === true) this.removed++;
    else if (before.removed === true || (after.enabled !== undefined && after.enabled !== before.enabled))
      this.switched++;
  }

  touched(): Touched[] {
    return [
      { what: 'users', before: this.before, removed: this.removed, changed: this.switched },
      ...[...this.members].map(([group, before]) => ({
        what: `members of the group ${group}`,
        before,
        removed: this.lost.get(group) ?? 0,
        changed: this.gained.get(group) ?? 0,
      })),
    ];
  }
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
