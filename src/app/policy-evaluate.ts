// Owns deciding facts by a policy: one line of JSON in, one line of JSON out.
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { evaluate } from '../policy/engine/evaluate.ts';
import { readFacts } from '../policy/engine/read-facts.ts';
import { verdictDocument } from '../policy/engine/verdict.ts';

/** Longest line of facts, in characters: a user with ten thousand groups fits. */
export const MAX_LINE = 4 * 1024 * 1024;

/** Decides one line; a line that is not a JSON object gives `{"error", "code"}`. Never throws. */
export function evaluateLine(policy: CompiledPolicy, line: string, now: number): string {
  if (line.length > MAX_LINE) return failure(`longer than ${MAX_LINE} characters`);
  let facts: unknown;
  try {
    facts = JSON.parse(line);
  } catch {
    return failure('not a line of JSON');
  }
  if (typeof facts !== 'object' || facts === null || Array.isArray(facts))
    return failure('not a JSON object');
  return JSON.stringify(verdictDocument(evaluate(policy, readFacts(facts, now))));
}

function failure(error: string): string {
  return JSON.stringify({ error, code: 'EASGATE_POLICY_FACTS' });
}
