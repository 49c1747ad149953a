// Owns the words for what decided.
import { t } from './texts.ts';

/** A named rule as it is, a part of the policy in words. Operators name rules, so a name may be one that every object has. */
export function ruleText(rule: string): string {
  const { parts } = t.device;
  return Object.hasOwn(parts, rule) ? (parts[rule] ?? rule) : rule;
}
