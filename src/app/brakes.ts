// Owns the brakes of a run: how much of what a source reported before it may remove or change at once. Pure.
// Threat: a source that answers with nothing, with half of its list, or with the opposite of what it said an hour ago, and a gateway
// that locks everybody out, or lets everybody in, because of it.

import { numberText } from './number-text.ts';

/** Parts of a whole, from 0 to 1: more than that, and more than {@link AT_LEAST}, holds the run. */
export interface Brakes {
  readonly maxRemoved: number;
  readonly maxChanged: number;
}

export const DEFAULT_BRAKES: Brakes = { maxRemoved: 0.1, maxChanged: 0.1 };

/** Up to this many may always be touched. */
const AT_LEAST = 20;

/** How many of one kind a run touches. */
export interface Touched {
  /** For people, in the plural: `devices`, `members of the group staff`. */
  readonly what: string;
  /** How many there were before the run. */
  readonly before: number;
  readonly removed: number;
  readonly changed: number;
}

/** Why the run is held, for people: one text for each brake. Empty = it may be applied. */
export function heldBy(touched: readonly Touched[], { maxRemoved, maxChanged }: Brakes): string[] {
  return touched.flatMap(({ what, before, removed, changed }) => [
    ...over(
      `${numberText(removed)} of ${numberText(before)} ${what} would be removed`,
      removed,
      before,
      maxRemoved,
    ),
    ...over(
      `${numberText(changed)} of ${numberText(before)} ${what} would change`,
      changed,
      before,
      maxChanged,
    ),
  ]);
}

function over(text: string, count: number, before: number, part: number): string[] {
  const limit = limitOf(before, part);
  return count > limit ? [`${text}; at most ${limit} without a confirmation`] : [];
}

/** How many of `before` may be touched. */
export function limitOf(before: number, part: number): number {
  return Math.max(AT_LEAST, Math.floor(before * part));
}
