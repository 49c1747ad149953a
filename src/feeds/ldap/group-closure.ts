// Owns the nesting of groups: which groups a member belongs to, directly and through other groups. Pure.
// Memory: for each distinct member the length of its DN and about 40 bytes, for each direct membership 4 to 8.

/** Groups as the directory has them; ids are numbers of its DNs. */
export class GroupClosure {
  private readonly numbers = new Map<string, number>();
  /** By member: the groups that name it, as numbers. One group is a number, several are a list. */
  private readonly parents: (number | number[] | undefined)[] = [];
  /** By number: the name of the group; undefined = no group. */
  private readonly names: (string | undefined)[] = [];
  private readonly wanted: ReadonlySet<string> | null;
  private readonly closed = new Map<number, readonly string[]>();
  private links = 0;

  /** `wanted`: names of the groups that count, in lower case; null = all. */
  constructor(wanted: ReadonlySet<string> | null) {
    this.wanted = wanted;
  }

  /** How many direct memberships there are. */
  get memberships(): number {
    return this.links;
  }

  /** Adds a group; returns its number. */
  addGroup(key: string, name: string): number {
    const group = this.number(key);
    this.names[group] = name;
    return group;
  }

  /** Adds a direct member of a group. */
  addMember(group: number, key: string): void {
    const member = this.number(key);
    const before = this.parents[member];
    this.links++;
    if (before === undefined) this.parents[member] = group;
    else if (typeof before === 'number') this.parents[member] = [before, group];
    else before.push(group);
  }

  /** Names of all groups of a member, sorted. `primary`: the key of a further group that names no members; null = none. */
  groupsOf(key: string, primary: string | null = null): string[] {
    const starts = [this.directOf(key), primary === null ? [] : this.self(primary)].flat();
    const found = new Set<string>();
    for (const group of starts) for (const name of this.upwards(group)) found.add(name);
    return [...found].sort();
  }

  private self(key: string): readonly number[] {
    const group = this.numbers.get(key);
    return group === undefined ? [] : [group];
  }

  private directOf(key: string): readonly number[] {
    const member = this.numbers.get(key);
    return member === undefined ? [] : this.parentsOf(member);
  }

  private parentsOf(member: number): readonly number[] {
    const parents = this.parents[member];
    if (parents === undefined) return [];
    return typeof parents === 'number' ? [parents] : parents;
  }

  /** The wanted names of a group and of all groups above it. Circles are allowed: each group is visited once. */
  private upwards(start: number): readonly string[] {
    const known = this.closed.get(start);
    if (known !== undefined) return known;
    const seen = new Set([start]);
    // A set keeps its order, and what is added while it is walked is walked too.
    for (const group of seen) for (const parent of this.parentsOf(group)) seen.add(parent);
    const names: string[] = [];
    for (const group of seen) {
      const name = this.names[group];
      if (name !== undefined && (this.wanted === null || this.wanted.has(name.toLowerCase())))
        names.push(name);
    }
    this.closed.set(start, names);
    return names;
  }

  private number(key: string): number {
    const before = this.numbers.get(key);
    if (before !== undefined) return before;
    const fresh = this.numbers.size;
    this.numbers.set(key, fresh);
    return fresh;
  }
}
