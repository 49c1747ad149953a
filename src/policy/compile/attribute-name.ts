// Owns finding an attribute by the name that a policy gives it: without regard to case, as its values are compared.
import { foldCase } from '../document/case.ts';
import type { Attribute, Attributes } from '../engine/facts.ts';

/**
 * Finds the attribute of a name; null = it is unknown. One that is spelled exactly so comes before others: a feed calls it
 * `Threat`, the policy `threat`, and a refusal that found nothing would let the phone pass.
 */
export function attributeNamed(name: string): (attributes: Attributes | null) => Attribute | null {
  const wanted = foldCase(name);
  return (attributes) => {
    if (attributes === null || attributes.size === 0) return null;
    const exact = attributes.get(name);
    if (exact !== undefined) return exact;
    for (const [other, attribute] of attributes) if (foldCase(other) === wanted) return attribute;
    return null;
  };
}
