// Owns the groups of very many users: each name once, each list once, 4 bytes for each group in a list.
import { NONE, NameIndex } from '../name-index.ts';
import { NumberColumn } from '../number-lists.ts';

/** Names of groups, numbered from 0. */
export class GroupNames {
  private readonly names: string[] = [];
  private readonly numbers = new Map<string, number>();

  get size(): number {
    return this.names.length;
  }

  /** The number of a name, which it gets now if it has none. */
  numberOf(name: string): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    const number = this.names.push(name) - 1;
    this.numbers.set(name, number);
    return number;
  }

  /** The names of some numbers. */
  namesOf(numbers: readonly number[]): string[] {
    return numbers.map((number) => this.names[number] ?? '');
  }
}

/** Lists of names of groups, by numbers from 0. */
export class GroupLists {
  private readonly names = new GroupNames();
  /** The groups of all lists, one list behind the other. */
  private readonly members = new NumberColumn();
  /** By list: the place behind its last group. */
  private readonly ends = new NumberColumn();
  private readonly lists = new NameIndex();

  /** How many groups are in the lists. */
  get groupCount(): number {
    return this.names.size;
  }

  /** The number of a list; lists with the same groups in the same order have one. */
  add(groups: readonly string[]): number {
    const members = groups.map((group) => this.names.numberOf(group));
    const text = members.join(',');
    const known = this.lists.get(text);
    if (known !== NONE) return known;
    const list = this.lists.size;
    this.lists.set(text, list);
    let end = this.startOf(list);
    for (const member of members) this.members.set(end++, member);
    this.ends.set(list, end);
    return list;
  }

  /** The names of a list. */
  at(list: number): string[] {
    const numbers: number[] = [];
    for (let place = this.startOf(list); place < this.ends.get(list); place++)
      numbers.push(this.members.get(place));
    return this.names.namesOf(numbers);
  }

  private startOf(list: number): number {
    return list === 0 ? 0 : this.ends.get(list - 1);
  }
}
