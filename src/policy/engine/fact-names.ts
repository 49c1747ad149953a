// Owns the names of facts in test cases of a policy, and finds misspelt ones: without this check they would count as unknown values. Pure.
import { didYouMean } from '../../suggest.ts';

/** The fields that an object may have, each with the fields of its value; null = any value. For a list, the fields of each item. */
interface Fields {
  readonly [name: string]: Fields | null;
}

function named(...names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, null]));
}

const TOLD = named('platform', 'osVersion', 'os', 'model', 'manufacturer');
const UNMET = named('compliant', 'encrypted', 'compromised', 'managedMailProfile');

const FACTS: Fields = {
  now: null,
  user: named('names', 'groups', 'enabled', 'attributes'),
  device: {
    ...named('managed', 'ownership', 'lastCheckIn', 'graceUntil', 'reportedSince', 'attributes'),
    ...UNMET,
    ...TOLD,
    unmetSince: UNMET,
  },
  partnership: {
    ...named('deviceId', 'deviceType', 'firstSeen', 'lastAllowed'),
    ...named('rank', 'devicesOfUser', 'usersOnDevice', 'userAgentChanges'),
    told: TOLD,
  },
  request: named('userAgent', 'protocolVersion', 'address', 'command', 'auth', 'certificateIssuer'),
  decisions: {
    ...named('scope', 'action', 'by', 'source', 'reason', 'decidedAt', 'expiresAt'),
    wipe: named('state'),
  },
};

/** A field that is the name of no fact. */
export interface UnknownField {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The fields of `facts` that are names of no fact. */
export function unknownFacts(facts: object): readonly UnknownField[] {
  return unknownIn(facts, FACTS, []);
}

function unknownIn(value: unknown, fields: Fields, path: readonly PropertyKey[]): readonly UnknownField[] {
  if (Array.isArray(value))
    return value.flatMap((item: unknown, at) => unknownIn(item, fields, [...path, at]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]: [string, unknown]) => {
    const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const here = [...path, name];
    if (found === undefined)
      return [{ path: here, message: `no such fact${didYouMean(name, Object.keys(fields))}` }];
    return found === null ? [] : unknownIn(below, found, here);
  });
}
