// Owns "did you mean": the known name most similar to a misspelt one. Pure.

/** Longest compared name; the cost is the product of the lengths. */
const MAX_LENGTH = 64;

/** The most similar known name, if it is similar enough for a typing error; case is ignored. Null = none. */
export function nearest(name: string, known: Iterable<string>): string | null {
  if (name.length > MAX_LENGTH) return null;
  const lower = name.toLowerCase();
  const limit = name.length < 4 ? 1 : Math.min(3, Math.ceil(name.length / 3));
  let best: string | null = null;
  let least = limit + 1;
  for (const candidate of known) {
    if (candidate.length > MAX_LENGTH) continue;
    const other = candidate.toLowerCase();
    // A prefix counts as one error.
    const distance = lower.length >= 4 && other.startsWith(lower) ? 1 : errorsBetween(lower, other);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** ` (did you mean "platform"?)`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const found = nearest(name, known);
  return found === null ? '' : ` (did you mean "${found}"?)`;
}

/** The name in a text that {@link didYouMean} ends; null = there is none. */
export function suggestedIn(text: string): string | null {
  return / \(did you mean "([^"]+)"\?\)/.exec(text)?.[1] ?? null;
}

/** Number of letters to insert, delete, replace or swap with their neighbour (optimal string alignment distance). */
function errorsBetween(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + same,
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, (before[column - 2] ?? 0) + 1);
      current.push(least);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
