// Owns the nesting of groups: which groups a member belongs to, directly and through other groups. Pure.
// Memory: for each distinct member some 25 bytes, for each direct membership 8; the names of the groups, and of a group's groups. No name of a user.
import { NONE, NameIndex } from '../../name-index.ts';
import { NumberLists } from '../../number-lists.ts';

/** Names that are kept of the groups above groups; with more, they are looked up again. */
const MAX_CLOSED = 1_000_000;

/** Groups as the directory has them; ids are numbers of its DNs. */
export class GroupClosure {
  /** By DN. Two DNs are taken for one where their hashes are equal (name-index.ts). */
  private readonly numbers = new NameIndex();
  /** By member: the groups that name it, as numbers. */
  private readonly parents = new NumberLists();
  /** By number: the name of the group. */
  private readonly names = new Map<number, string>();
  private readonly wanted: ReadonlySet<string> | null;
  private readonly maxClosed: number;
  private readonly closed = new Map<number, readonly string[]>();
  /** Names in `closed`. */
  private closedNames = 0;

  /** `wanted`: names of the groups that count, in lower case; null = all. `maxClosed`: see {@link MAX_CLOSED}. */
  constructor(wanted: ReadonlySet<string> | null, maxClosed = MAX_CLOSED) {
    this.wanted = wanted;
    this.maxClosed = maxClosed;
  }

  /** How many direct memberships there are. */
  get memberships(): number {
    return this.parents.size;
  }

  /** Adds a group; returns its number. */
  addGroup(key: string, name: string): number {
    const group = this.number(key);
    this.names.set(group, name);
    return group;
  }

  /** Adds a direct member of a group. */
  addMember(group: number, key: string): void {
    this.parents.add(this.number(key), group);
  }

  /** Names of all groups of a member, sorted. `primary`: the number of a further group that names no members; null = none. */
  groupsOf(key: string, primary: number | null = null): string[] {
    const found = new Set<string>();
    const add = (group: number): void => {
      for (const name of this.upwards(group)) found.add(name);
    };
    const member = this.numbers.get(key);
    if (member !== NONE) for (const group of this.parents.of(member)) add(group);
    if (primary !== null) add(primary);
    return [...found].sort();
  }

  /** The wanted names of a group and of all groups above it. Circles are allowed: each group is visited once. */
  private upwards(start: number): readonly string[] {
    const known = this.closed.get(start);
    if (known !== undefined) return known;
    const seen = new Set([start]);
    // A set keeps its order, and what is added while it is walked is walked too.
    for (const group of seen) for (const parent of this.parents.of(group)) seen.add(parent);
    const names: string[] = [];
    for (const group of seen) {
      const name = this.names.get(group);
      if (name !== undefined && (this.wanted === null || this.wanted.has(name.toLowerCase())))
        names.push(name);
    }
    this.keep(start, names);
    return names;
  }

  private keep(group: number, names: readonly string[]): void {
    if (this.closedNames + names.length > this.maxClosed) {
      this.closed.clear();
      this.closedNames = 0;
    }
    this.closed.set(group, names);
    this.closedNames += names.length;
  }

  private number(key: string): number {
    const before = this.numbers.get(key);
    if (before !== NONE) return before;
    const fresh = this.numbers.size;
    this.numbers.set(key, fresh);
    return fresh;
  }
}
