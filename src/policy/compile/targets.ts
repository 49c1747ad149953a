// Owns the users to whom conditional access applies.
import type { Problems } from '../document/problem.ts';
import type { PolicyDocument, WhoDocument } from '../document/schema.ts';
import { readNames } from '../document/value.ts';
import type { Lists, Value } from '../document/value.ts';
import type { Text } from '../engine/facts.ts';
import type { Who } from './compiled-policy.ts';
import { isGlob } from './glob.ts';
import { textsMatch } from './matcher.ts';
import type { Match } from './matcher.ts';
import type { IsTargeted } from './scene.ts';

/** The targets of a document; null = everyone. */
export function compileTargets(
  targets: PolicyDocument['targets'],
  lists: Lists,
  problems: Problems,
): { readonly include: Who | null; readonly exclude: Who | null } | null {
  if (targets === undefined) return null;
  const read = (who: WhoDocument | undefined, name: string): Who | null => {
    if (who === undefined) return null;
    const value = (raw: string | readonly string[] | undefined, field: string): Value | null =>
      raw === undefined
        ? null
        : readNames(raw, lists, (message, path) =>
            problems.error(['targets', name, field, ...path], message),
          );
    return { groups: value(who.groups, 'groups'), users: value(who.users, 'users') };
  };
  return { include: read(targets.include, 'include'), exclude: read(targets.exclude, 'exclude') };
}

/**
 * Whether a user is targeted. Exclusion takes precedence. A user that no feed knows is always targeted, and excluded
 * only by an exact name: groups or patterns must not exempt unknown users.
 */
export function compileIsTargeted(targets: ReturnType<typeof compileTargets>): IsTargeted {
  if (targets === null) return () => true;
  const { include, exclude } = targets;
  const excludedUser = matchOf(exclude?.users ?? null);
  const excludedName = matchOf(exclude?.users ? exactOnly(exclude.users) : null);
  const excludedGroup = matchOf(exclude?.groups ?? null);
  const includedUser = matchOf(include?.users ?? null);
  const includedGroup = matchOf(include?.groups ?? null);
  return (scene) => {
    const { names, groups } = scene.facts.user;
    const known = names.length === 0 ? null : names;
    if (groups === null) return excludedName(known, scene) !== 1;
    if (excludedUser(known, scene) === 1 || excludedGroup(groups, scene) === 1) return false;
    if (include === null) return true;
    return includedUser(known, scene) === 1 || includedGroup(groups, scene) === 1;
  };
}

function matchOf(value: Value | null): Match<readonly Text[]> {
  return value === null ? () => 0 : textsMatch(value, false);
}

/** The names of a value that are not patterns. */
function exactOnly(value: Value): Value {
  if (value.type === 'any') return { type: 'any', values: value.values.map(exactOnly) };
  return value.type === 'text' && !isGlob(value.text) ? value : { type: 'any', values: [] };
}
