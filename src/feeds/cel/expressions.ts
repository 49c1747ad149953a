// Owns the expressions of mappings: CEL over one record of a source, checked before its first use, with bounded cost. Pure.
// Threat: an expression, or a record of a hostile source, that keeps the process busy. There is no function whose time is more than
// linear in the record (`matches` is left out), loops cannot be nested, and a record is bounded (files/json.ts).
import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import { FUNCTIONS, isCall, isNode, libraryProblem, libraryText, misuseIn } from '../../cel-syntax.ts';
import type { ExpressionProblem, SyntaxNode } from '../../cel-syntax.ts';
import { didYouMean } from '../../suggest.ts';
import { fieldName, wordOf } from '../row.ts';
import type { Row } from '../row.ts';
import { textOf } from '../values.ts';
import type { FieldKind } from './fields.ts';

/** A compiled expression. */
export interface MappingExpression {
  readonly text: string;
  /** Names of the record that it reads, as row.ts compares them. */
  readonly names: readonly string[];
  /** Its value for a record. @throws Error with a text for people where it cannot be evaluated */
  readonly value: (row: Row) => unknown;
}

const TIME = 'google.protobuf.Timestamp';

/** Types that an expression of a field may have. `dyn` is a value of the record: it is read when it is there. */
const TYPES: Readonly<Record<FieldKind, readonly string[]>> = {
  text: ['string', 'int', 'uint', 'double', 'bool', 'dyn', 'null'],
  texts: ['string', 'int', 'uint', 'double', 'list', 'dyn', 'null'],
  flag: ['bool', 'string', 'dyn', 'null'],
  time: ['string', 'int', 'double', TIME, 'dyn', 'null'],
  condition: ['bool', 'dyn'],
};

const WANTED: Readonly<Record<FieldKind, string>> = {
  text: 'a text',
  texts: 'a text or a list of texts',
  flag: 'true, false, or a word for it',
  time: 'a time',
  condition: 'true or false',
};

const ALLOWED: ReadonlySet<string> = new Set([
  ...FUNCTIONS,
  'dyn',
  'split',
  'join',
  'substring',
  'pick',
  'word',
]);
const VARIABLES = ['record', 'around'];

/** The record of the current evaluation: the library passes no context to functions. Evaluation is synchronous and never nested. */
let current: Row | null = null;

/** The first of the names that has a value in the record; null = none. Names compare as those of a table's columns. */
function pick(names: readonly string[]): unknown {
  for (const name of names) {
    const value = current?.get(fieldName(name));
    if (value === undefined || value === null) continue;
    if (typeof value === 'object' || textOf(value) !== null) return value;
  }
  return null;
}

let loaded: Cel.Environment | null = null;

/** Loaded with the first expression: most configurations have none, and every command reads one. */
function environment(): Cel.Environment {
  if (loaded !== null) return loaded;
  const library = createRequire(import.meta.url)('@marcbachmann/cel-js') as typeof Cel;
  loaded = new library.Environment({
    limits: { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 },
  })
    .registerVariable('record', 'map<string, dyn>')
    .registerVariable('around', 'map<string, dyn>')
    .registerFunction('pick(string): dyn', (name: string) => pick([name]))
    .registerFunction('pick(list<string>): dyn', pick)
    .registerFunction('word(dyn): string', (value: unknown) => wordOf(textOf(value) ?? ''));
  return loaded;
}

/** Longest expression, in characters. */
const MAX_EXPRESSION = 2_000;

/** Compiles the expression of a field; returns the problem where it cannot be used. */
export function compileExpression(text: string, kind: FieldKind): MappingExpression | ExpressionProblem {
  if (text.length > MAX_EXPRESSION)
    return { message: `is longer than ${MAX_EXPRESSION} characters`, offset: 0 };
  // A library that cannot be loaded is no fault of the expression.
  const library = environment();
  let parsed: ReturnType<Cel.Environment['parse']>;
  try {
    parsed = library.parse(text);
  } catch (error) {
    return libraryProblem(error, hintFor);
  }
  const uses = usesOf(parsed.ast);
  if ('message' in uses) return uses;
  const checked = parsed.check();
  if (!checked.valid) return libraryProblem(checked.error, hintFor);
  const type = checked.type ?? '';
  if (!TYPES[kind].includes(type.replace(/<.*$/, '')))
    return {
      message: `returns ${type === '' ? 'nothing' : type}, and should return ${WANTED[kind]}`,
      offset: 0,
    };
  return {
    text,
    names: [...uses.names],
    value: (row) => {
      current = row;
      try {
        return parsed({ record: row.record, around: row.around }) as unknown;
      } catch (error) {
        throw new Error(reasonOf(error), { cause: error });
      } finally {
        current = null;
      }
    },
  };
}

function hintFor(text: string): string {
  const [, variable] = /^Unknown variable: (\S+)/.exec(text) ?? [];
  if (variable !== undefined) {
    const meant = didYouMean(variable, VARIABLES);
    return meant === '' ? `; the values of the record are in record: record.${variable}` : meant;
  }
  return text.startsWith('Ternary branches') ? '; write both as dyn(…)' : '';
}

/** Why an expression has no value for a record. The library's message quotes types, never values. */
function reasonOf(error: unknown): string {
  const text = libraryText(error);
  const [, key] = /^No such key: (.*)$/.exec(text) ?? [];
  return key === undefined ? text : `there is no ${key}; pick("${key}") is null then`;
}

interface Uses {
  readonly names: ReadonlySet<string>;
}

/** The names of the record that an expression reads; a problem where it calls a function that there is not. */
function usesOf(ast: unknown): Uses | ExpressionProblem {
  const names = new Set<string>();
  const problem = misuseIn(ast, {
    functions: ALLOWED,
    matchesHint: '; use contains(), startsWith() or word()',
    onNode: (node, args) => {
      const path = pathOf(node);
      if (path !== null) names.add(fieldName(path));
      if (isCall(node) && args[0] === 'pick')
        for (const name of literals(args[1])) names.add(fieldName(name));
      return true;
    },
  });
  return problem ?? { names };
}

/** `general.serial` of `record.general["serial"]`; null = it is no value of the record. */
function pathOf(node: SyntaxNode): string | null {
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return null;
  const [from, step] = node.args as unknown[];
  const name = isNode(step) && step.op === 'value' ? step.args : step;
  if (!isNode(from) || typeof name !== 'string') return null;
  if (from.op === 'id') return from.args === 'record' ? name : null;
  const before = pathOf(from);
  return before === null ? null : `${before}.${name}`;
}

/** The texts in the arguments of a call. */
function literals(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(literals);
  if (!isNode(value)) return [];
  if (value.op === 'value') return typeof value.args === 'string' ? [value.args] : [];
  return value.op === 'list' ? literals(value.args) : [];
}
