// Owns the part of a cache key that depends on the request: the conditions on the request that hold. It contains no
// addresses and no user agents, so that a phone has few verdicts.
import { fieldInfo } from '../document/vocabulary.ts';
import type { Facts, RequestFacts } from '../engine/facts.ts';
import type { CompiledRule } from './rules.ts';
import { Scene } from './scene.ts';
import type { IsTargeted } from './scene.ts';

/** One condition on the request. */
export interface RequestCondition {
  /** The field, or `when`. */
  readonly field: string;
  /** The value in the document, as JSON; the expression of a `when`. */
  readonly wanted: string;
  readonly holds: (scene: Scene) => boolean;
}

/** The parts of a request that a policy uses. */
export interface RequestKeys {
  /** Conditions that depend on the request, without duplicates. */
  readonly requestConditions: readonly RequestCondition[];
  /**
   * The set of these conditions that hold, as a cache key: a number up to 52 conditions, else a text. Requests of the
   * same user and device with the same key have the same verdict at the same time.
   */
  readonly requestKey: (facts: Facts) => number | string;
}

/** A number holds this many bits exactly. */
const MAX_BITS = 52;

/** Collects the conditions on requests from the rules, without duplicates. */
export function compileRequestKeys(rules: readonly CompiledRule[], isTargeted: IsTargeted): RequestKeys {
  const ofRequests = new Map<string, RequestCondition>();
  const expressions = new Map<string, RequestCondition>();
  for (const rule of rules) {
    for (const condition of [...rule.match.flat(), ...rule.except.flat()]) {
      if (fieldInfo(condition.field).perRequest !== true) continue;
      const wanted = JSON.stringify(condition.wanted);
      // `{ not: … }` treats unknown values differently where a match refuses.
      ofRequests.set(`${condition.field} ${condition.unknownMatchesNot} ${wanted}`, {
        field: condition.field,
        wanted,
        holds: condition.holds,
      });
    }
    const { when } = rule;
    if (when?.perRequest === true)
      expressions.set(`${rule.action === 'allow'} ${when.text}`, {
        field: 'when',
        wanted: when.text,
        holds: (scene) => when.holds(scene) ?? rule.action !== 'allow',
      });
  }
  const first = [...ofRequests.values()];
  const last = [...expressions.values()];
  const conditions = [...first, ...last];
  const isNumber = conditions.length <= MAX_BITS;
  // Fields of requests alone decide the first part, whoever sent it: a phone says the same with each request.
  const known = new WeakMap<RequestFacts, number | string>();
  return {
    requestConditions: conditions,
    requestKey: (facts) => {
      if (conditions.length === 0) return 0;
      let key = known.get(facts.request);
      if (key === undefined) {
        key = keyOf(first, new Scene(facts, isTargeted), isNumber ? 0 : '');
        known.set(facts.request, key);
      }
      return last.length === 0 ? key : keyOf(last, new Scene(facts, isTargeted), key);
    },
  };
}

/** A key with one more bit, or character, for each condition. */
function keyOf(
  conditions: readonly RequestCondition[],
  scene: Scene,
  begin: number | string,
): number | string {
  let key = begin;
  for (const { holds } of conditions) {
    const bit = holds(scene) ? 1 : 0;
    key = typeof key === 'number' ? key * 2 + bit : `${key}${bit}`;
  }
  return key;
}
