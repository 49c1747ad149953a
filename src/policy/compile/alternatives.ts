// Owns `match` and `except`: one map of conditions, or a list of maps of which at least one must hold.
import type { Problems } from '../document/problem.ts';
import type { RawConditions } from '../document/schema.ts';
import type { Lists } from '../document/value.ts';
import { compileConditions } from './conditions.ts';
import type { Condition } from './conditions.ts';
import type { Scene } from './scene.ts';

/** Compiles the maps; null = the document has none. */
export function compileAlternatives(
  raw: RawConditions | readonly RawConditions[] | undefined,
  unknownMatchesNot: boolean,
  lists: Lists,
  problems: Problems,
  at: readonly PropertyKey[],
): Condition[][] | null {
  if (raw === undefined) return null;
  const list = Array.isArray(raw);
  const maps = (list ? raw : [raw]) as readonly RawConditions[];
  return maps.map((map, index) =>
    compileConditions(map, unknownMatchesNot, lists, (message, path) =>
      problems.error([...at, ...(list ? [index] : []), ...path], message),
    ),
  );
}

/** Whether all conditions hold. */
export function allHold(conditions: readonly Condition[], scene: Scene): boolean {
  for (const condition of conditions) if (!condition.holds(scene)) return false;
  return true;
}

/** Whether all conditions of one of the maps hold. */
export function anyHolds(maps: readonly (readonly Condition[])[], scene: Scene): boolean {
  for (const conditions of maps) if (allHold(conditions, scene)) return true;
  return false;
}
