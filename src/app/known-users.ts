// Owns the users that the source of a run reported before: of each its name, whether it is enabled and its groups, in typed arrays. Nothing else of
// what the directory has of a user is kept: some 100 bytes a user, and 4 for each group of it.
import type { UserKey } from '../identity/keys.ts';
import type { UserReport } from '../model/user.ts';
import { NONE } from '../name-index.ts';
import { NumberColumn } from '../number-lists.ts';
import { GroupLists } from './group-lists.ts';
import { NumberedNames } from './numbered-names.ts';
import { SourceIds } from './source-ids.ts';

/** What a source reported about a user, as far as a run compares with it. */
export interface KnownUser {
  readonly isRemoved: boolean;
  /** Whether the account may sign in; null = the source did not say. */
  readonly enabled: boolean | null;
  /** Names of its groups; null = the source did not say. */
  readonly groups: readonly string[] | null;
}

/** Bits of one number. */
const REMOVED = 1;
const ENABLED = 2;
const DISABLED = 4;

/** Users by their names and numbers, which count from 0. */
export class KnownUsers {
  private readonly names = new NumberedNames();
  private readonly sourceIds = new SourceIds();
  private readonly states = new NumberColumn();
  /** By user: the number of its list of groups, from 1; 0 = the source did not say. */
  private readonly groups = new NumberColumn();
  private readonly lists = new GroupLists();

  get size(): number {
    return this.names.size;
  }

  /** How many users the source reported, and did not remove. */
  get presentCount(): number {
    let count = 0;
    for (let number = 0; number < this.size; number++) if (this.isPresent(number)) count++;
    return count;
  }

  /** How many groups the users have. */
  get groupCount(): number {
    return this.lists.groupCount;
  }

  /** Adds or replaces a user. */
  set({ key, sourceId, removed, enabled, groups }: UserReport): void {
    const isNew = this.names.numberOf(key) === NONE;
    const number = this.names.add(key);
    if (sourceId !== null) this.sourceIds.note(sourceId, number, isNew);
    this.states.set(
      number,
      (removed === true ? REMOVED : 0) | (enabled === null ? 0 : enabled ? ENABLED : DISABLED),
    );
    this.groups.set(number, groups === null ? 0 : this.lists.add(groups) + 1);
  }

  /** The number of a user; {@link NONE} = the source did not report it. */
  numberOf(name: string): number {
    return this.names.numberOf(name);
  }

  /** The users whose records have this id at the source: a user that was renamed there is known by each of its names. */
  withSourceId(sourceId: string): Iterable<number> {
    return this.sourceIds.of(sourceId);
  }

  keyOf(number: number): UserKey {
    return this.names.nameAt(number) as UserKey;
  }

  /** Whether the source reported the user, and did not remove it. */
  isPresent(number: number): boolean {
    return this.has(number) && (this.states.get(number) & REMOVED) === 0;
  }

  /** A user by its number; null = the source did not report it. */
  at(number: number): KnownUser | null {
    if (!this.has(number)) return null;
    const state = this.states.get(number);
    const list = this.groups.get(number);
    return {
      isRemoved: (state & REMOVED) !== 0,
      enabled: (state & ENABLED) !== 0 ? true : (state & DISABLED) !== 0 ? false : null,
      groups: list === 0 ? null : this.lists.at(list - 1),
    };
  }

  private has(number: number): boolean {
    return number > NONE && number < this.size;
  }
}
