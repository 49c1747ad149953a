// Owns the reading of lists that the code writes as one text, words or names one behind the other. Pure.

/** The words of a text, which has them separated by spaces and line ends. */
export function names(listed: string): string[] {
  return listed.trim().split(/\s+/);
}

/** A table of words, listed by what they mean. */
export function meanings<T>(...lists: readonly (readonly [meaning: T, listed: string])[]): Map<string, T> {
  return new Map(lists.flatMap(([meaning, listed]) => names(listed).map((word) => [word, meaning] as const)));
}
