// Owns lists whose members know their neighbours, so that one can leave from the middle.

/** A member of a {@link List}. */
export interface Linked<T> {
  /** Both are the list's own; null for whoever is not in it. */
  previous: T | null;
  next: T | null;
}

/**
 * Members in the order of their arrival. A Set or Map would be shorter, but V8 leaves a hole for each member that was deleted, and the search for the first
 * member passes all holes before it; and members that left would take memory for longer (transient-map.ts).
 */
export class List<T extends Linked<T>> {
  first: T | null = null;
  private last: T | null = null;

  append(one: T): void {
    one.previous = this.last;
    if (this.last === null) this.first = one;
    else this.last.next = one;
    this.last = one;
  }

  /** It must be a member. */
  remove(one: T): void {
    const { previous, next } = one;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    one.previous = null;
    one.next = null;
  }
}
