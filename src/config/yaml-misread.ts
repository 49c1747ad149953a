// Owns finding what YAML reads otherwise than it is written, so that a policy would mean something else than its author.
import { isPair, isScalar, isSeq, visit } from 'yaml';
import type { Document, Node, Pair, Scalar } from 'yaml';
import type { Problem } from '../policy/document/problem.ts';

/** Problems that are looked for: more are of no use to anybody. */
const MAX_FOUND = 200;

type Ancestors = readonly (Document | Node | Pair)[];

/** Numbers and names that are other ones than was written, and words that were booleans in YAML 1.1. */
export function misreadIn(document: Document): Problem[] {
  const found: Problem[] = [];
  visit(document, {
    Scalar(key, node, ancestors) {
      const asKey = key === 'key';
      const problem = asKey ? misreadName(node) : misreadValue(node, ancestors);
      if (problem === null) return undefined;
      const path = pathOf(ancestors, node);
      found.push({ ...problem, path, ...(asKey && { atKey: true }) });
      return found.length < MAX_FOUND ? undefined : visit.BREAK;
    },
  });
  return found;
}

type Found = Pick<Problem, 'severity' | 'message'>;

function misreadName(node: Scalar): Found | null {
  if (node.value === '__proto__') return error('is not a name that is allowed here');
  return misreadNumber(node);
}

function misreadValue(node: Scalar, ancestors: Ancestors): Found | null {
  if (node.type !== 'PLAIN' || !/^(?:yes|no|on|off)$/i.test(String(node.value)))
    return misreadNumber(node, isBelow(ancestors, VERSIONS));
  // Elsewhere a text is wanted, or refused.
  if (!isBelow(ancestors, ATTRIBUTES)) return null;
  const message = `is the text "${String(node.value)}", which no true or false matches: write true or false, or put it in quotes`;
  return { severity: 'warning', message };
}

/** `0815`, `0x10`, `1e3`, `17.10`, and more digits than a number keeps. */
function misreadNumber({ value, source }: Scalar, asVersion = false): Found | null {
  if (typeof value !== 'number' || !Number.isFinite(value) || source === undefined) return null;
  const read = String(value);
  if (source === read) return null;
  // As a version, 17.0 is 17.
  if (asVersion && Number.isSafeInteger(value) && source.replace(/\.0{1,9}$/, '') === read) return null;
  return error(`must stand in quotes: without them ${source.slice(0, 60)} is ${read}`);
}

function error(message: string): Found {
  return { severity: 'error', message };
}

const ATTRIBUTES: ReadonlySet<unknown> = new Set(['attributes', 'userAttributes']);
const VERSIONS: ReadonlySet<unknown> = new Set(['osVersion', 'protocolVersion', 'minimumOs']);

/** Whether a value belongs to one of the fields. */
function isBelow(ancestors: Ancestors, fields: ReadonlySet<unknown>): boolean {
  return ancestors.some((one) => isPair(one) && isScalar(one.key) && fields.has(one.key.value));
}

/** The path of a value, or of a name. */
function pathOf(ancestors: Ancestors, node: Scalar): PropertyKey[] {
  return ancestors.flatMap((ancestor, index): PropertyKey[] => {
    if (isSeq(ancestor)) return [ancestor.items.indexOf(ancestors[index + 1] ?? node)];
    return isPair(ancestor) && isScalar(ancestor.key) ? [String(ancestor.key.value)] : [];
  });
}
