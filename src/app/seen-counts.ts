// Owns the counting of phones by how lately they were seen, for reports: in all, and by a name. Pure.
import type { SeenCounts } from '../directory/read-model/model-reader.ts';

const DAY_MS = 86_400_000;
/** Most names of one list. */
const MAX_NAMES = 100;

type Counting = { -readonly [Name in keyof SeenCounts]: SeenCounts[Name] };

/** Nothing is counted yet. */
export function newCounts(): Counting {
  return { all: 0, lastDay: 0, lastWeek: 0, lastMonth: 0 };
}

/** Counts one phone. `lastSeen`, `now`: milliseconds since the epoch; null = never. */
export function addSeen(counts: Counting, lastSeen: number | null, now: number): void {
  const age = lastSeen === null ? Infinity : now - lastSeen;
  counts.all++;
  if (age <= DAY_MS) counts.lastDay++;
  if (age <= 7 * DAY_MS) counts.lastWeek++;
  if (age <= 30 * DAY_MS) counts.lastMonth++;
}

/** Adds what was counted elsewhere. */
export function addCounts(counts: Counting, { all, lastDay, lastWeek, lastMonth }: SeenCounts): void {
  counts.all += all;
  counts.lastDay += lastDay;
  counts.lastWeek += lastWeek;
  counts.lastMonth += lastMonth;
}

/** Phones by a name, such as that of their model. */
export class NamedCounts<Name extends string | null> {
  private readonly counts = new Map<Name, Counting>();

  add(name: Name, lastSeen: number | null, now: number): void {
    addSeen(this.countsOf(name), lastSeen, now);
  }

  /** All of them, as {@link join} takes them. */
  all(): ReadonlyMap<Name, SeenCounts> {
    return this.counts;
  }

  /** Adds what was counted elsewhere. */
  join(others: ReadonlyMap<Name, SeenCounts>): void {
    for (const [name, phones] of others) addCounts(this.countsOf(name), phones);
  }

  private countsOf(name: Name): Counting {
    let counts = this.counts.get(name);
    if (counts === undefined) this.counts.set(name, (counts = newCounts()));
    return counts;
  }

  /** The most first, 100 at most. */
  listed(): { readonly name: Name; readonly phones: SeenCounts }[] {
    return [...this.counts]
      .map(([name, phones]) => ({ name, phones }))
      .sort((a, b) => b.phones.all - a.phones.all || ((a.name ?? '') < (b.name ?? '') ? -1 : 1))
      .slice(0, MAX_NAMES);
  }
}
