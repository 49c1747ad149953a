// Owns how many accounts, and how many members of each group, a run changes: what the brakes look at. Pure. Memory grows with the groups, not with
// the users.
import { MORE_GROUPS } from '../model/report-bounds.ts';
import type { UserObservation } from '../model/user.ts';
import type { Touched } from './brakes.ts';
import type { KnownUser } from './known-users.ts';

/** The names of groups, without {@link MORE_GROUPS}. */
function named(groups: readonly string[] | null | undefined): readonly string[] {
  return (groups ?? []).filter((group) => group !== MORE_GROUPS);
}

/** Counts what changes, of accounts and of the members of each group. */
export class UserTally {
  private before = 0;
  private readonly members = new Map<string, number>();
  private readonly lost = new Map<string, number>();
  private readonly gained = new Map<string, number>();
  private removed = 0;
  private switched = 0;

  /** Adds a user that the source reported before the run. */
  add({ isRemoved, groups }: KnownUser): void {
    if (isRemoved) return;
    this.before++;
    for (const group of named(groups)) increment(this.members, group);
  }

  /** Counts what an observation changes. `before` null = the source never reported the user. */
  count(before: KnownUser | null, after: UserObservation): void {
    const isStaying = after.groups === undefined && after.removed !== true;
    if (!isStaying) {
      const earlier = before === null || before.isRemoved ? [] : named(before.groups);
      const later = after.removed === true ? [] : named(after.groups);
      for (const group of earlier) if (!later.includes(group)) increment(this.lost, group);
      for (const group of later) if (!earlier.includes(group)) increment(this.gained, group);
    }
    if (before === null) return;
    if (after.removed === true) this.removed++;
    else if (before.isRemoved || (after.enabled !== undefined && after.enabled !== before.enabled))
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
