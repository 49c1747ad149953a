// Owns error texts for malformed documents, made from the issues of the schema.
import type { z } from 'zod';
import type { Problem } from './problem.ts';
import { policyJsonSchema } from './schema.ts';
import { didYouMean } from '../../suggest.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Unknown fields of one place that are compared with the known ones. */
const HINTS = 100;

/** The issues of the schema as problems. */
export function shapeProblems(issues: readonly Issue[], value: unknown): Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, [], value));
}

function problemsOf(issue: Issue, below: Path, value: unknown): Problem[] {
  const path = [...below, ...issue.path];
  switch (issue.code) {
    case 'invalid_union': {
      const branch = meantBranch(issue.errors);
      return branch === null
        ? [error(path, describeUnion(issue, at(value, path)))]
        : branch.flatMap((inner) => problemsOf(inner, path, value));
    }
    case 'unrecognized_keys': {
      const known = keysAt(path);
      return issue.keys.map((key, index) => ({
        ...error([...path, key], `unknown field "${key}"${index < HINTS ? didYouMean(key, known) : ''}`),
        atKey: true,
      }));
    }
    case 'invalid_key':
      return [{ ...error(path, 'is not a name that is allowed here'), atKey: true }];
    case 'invalid_type':
      return [error(path, describeType(issue, at(value, path)))];
    case 'invalid_value': {
      const found = at(value, path);
      const words = issue.values.map(String);
      const wanted = words.length === 1 ? (words[0] ?? '') : `one of ${words.join(', ')}`;
      if (found === undefined) return [error(path, `is missing: must be ${wanted}`)];
      const hint = typeof found === 'string' ? didYouMean(found, words) : '';
      return [error(path, `must be ${wanted}, is ${show(found)}${hint}`)];
    }
    case 'too_small':
      return [error(path, `must be at least ${String(issue.minimum)}${unitOf(issue.origin)}`)];
    case 'too_big':
      return [error(path, `must be at most ${String(issue.maximum)}${unitOf(issue.origin)}`)];
    default:
      return [error(path, issue.message)];
  }
}

function error(path: Path, message: string): Problem {
  return { severity: 'error', path, message };
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries long' : '';
}

/** The branch of a union that matches the value's type, whose problems are reported; null = none, or several. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const meant = branches.filter((issues) => !issues.some(isOtherType));
  return meant.length === 1 ? (meant[0] ?? null) : null;
}

function isOtherType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_type') return true;
  return issue.code === 'invalid_union' && issue.errors.every((branch) => branch.some(isOtherType));
}

function describeUnion(issue: Issue, found: unknown): string {
  return found === undefined ? `is missing: ${issue.message}` : issue.message;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

function describeType(
  issue: { readonly expected: string; readonly message: string },
  found: unknown,
): string {
  if (!issue.message.startsWith('Invalid input')) return issue.message;
  const wanted = TYPE_WORDS[issue.expected] ?? issue.expected;
  if (found === undefined) return `is missing: must be ${wanted}`;
  if (found === null) return `is empty: must be ${wanted}`;
  return `must be ${wanted}, is ${show(found)}`;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function at(value: unknown, path: Path): unknown {
  let found: unknown = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[key];
  }
  return found;
}

/** The part of JSON Schema that lists the fields of an object. */
interface Node {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly $defs?: Readonly<Record<string, Node>>;
}

function keysAt(path: Path): string[] {
  const root = policyJsonSchema() as Node;
  const resolve = (node: Node): Node[] => {
    if (node.$ref !== undefined) {
      const target = root.$defs?.[node.$ref.replace('#/$defs/', '')];
      return target === undefined ? [] : resolve(target);
    }
    return node.anyOf === undefined ? [node] : node.anyOf.flatMap(resolve);
  };
  let nodes = resolve(root);
  for (const key of path)
    nodes = nodes.flatMap((node) => {
      if (typeof key === 'number') return node.items === undefined ? [] : resolve(node.items);
      const named = node.properties?.[String(key)];
      if (named !== undefined) return resolve(named);
      const { additionalProperties: more } = node;
      return typeof more === 'object' ? resolve(more) : [];
    });
  return nodes.flatMap((node) => Object.keys(node.properties ?? {}));
}
