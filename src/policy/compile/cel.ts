// Owns `when`: CEL expressions over the facts, checked at compile time, with bounded cost.
import { FUNCTIONS, isNode, libraryProblem, misuseIn } from '../../cel-syntax.ts';
import type { ExpressionProblem } from '../../cel-syntax.ts';
import { didYouMean } from '../../suggest.ts';
import { CEL_KEYS, CEL_VARIABLES, environment, runWith } from './cel-environment.ts';
import { wrongText } from './cel-texts.ts';
import { CelVariables } from './cel-variables.ts';
import type { Scene } from './scene.ts';

/** A compiled expression. */
export interface Expression {
  readonly text: string;
  /** Whether it holds; null = it cannot be evaluated, for instance because of an unknown value. */
  readonly holds: (scene: Scene) => boolean | null;
  /** The expression reads the request. */
  readonly perRequest: boolean;
  /** The expression reads the command or address of the request, or passes the whole request on. */
  readonly changesOften: boolean;
  /** The attributes that the expression names. */
  readonly attributes: readonly NamedAttribute[];
}

/** An attribute of the device or of the user, as the expression spells it. */
export interface NamedAttribute {
  readonly of: 'device' | 'user';
  readonly name: string;
}

const ALLOWED: ReadonlySet<string> = new Set([
  ...FUNCTIONS,
  'getFullYear',
  'getMonth',
  'getDate',
  'getDayOfMonth',
  'getDayOfWeek',
  'getDayOfYear',
  'getHours',
  'getMinutes',
  'getSeconds',
  'age',
  'version',
  'glob',
  'inNetwork',
]);

/** Lifetime of a verdict that depends on an expression that reads the time itself. */
const READS_NOW_MS = 60_000;

/** Compiles an expression; returns the problem if that fails. */
export function compileExpression(text: string): Expression | ExpressionProblem {
  // A library that cannot be loaded is no fault of the expression.
  const library = environment();
  let parsed: ReturnType<typeof library.parse>;
  try {
    parsed = library.parse(text);
  } catch (error) {
    return libraryProblem(error, hintFor);
  }
  const uses = usesOf(parsed.ast);
  if ('message' in uses) return uses;
  const checked = parsed.check();
  if (!checked.valid) return libraryProblem(checked.error, hintFor);
  if (checked.type !== 'bool' && checked.type !== 'dyn')
    return { message: `must be true or false, is ${checked.type ?? 'of no type'}`, offset: 0 };
  const readsNow = uses.variables.has('now');
  return {
    text,
    perRequest: uses.variables.has('request'),
    changesOften: uses.changesOften,
    attributes: uses.attributes,
    holds: (scene) => {
      scene.variables ??= new CelVariables(scene);
      if (readsNow) scene.note(scene.now + READS_NOW_MS);
      try {
        const answer = runWith(scene, parsed, scene.variables);
        return typeof answer === 'boolean' ? answer : null;
      } catch {
        return null;
      }
    },
  };
}

function hintFor(text: string): string {
  const [, variable] = /^Unknown variable: (\S+)/.exec(text) ?? [];
  if (variable !== undefined) return didYouMean(variable, CEL_VARIABLES);
  const [, key] = /^No such key: (\S+)/.exec(text) ?? [];
  if (key !== undefined) return didYouMean(key, CEL_KEYS);
  if (text.includes('null')) return '; test for an unknown value with has(…)';
  return text.includes('Version') ? '; compare with version("…")' : '';
}

interface Uses {
  readonly variables: ReadonlySet<string>;
  readonly changesOften: boolean;
  readonly attributes: readonly NamedAttribute[];
}

/** The variables and functions of an expression; a problem where it calls a forbidden one. */
function usesOf(ast: unknown): Uses | ExpressionProblem {
  const variables = new Set<string>();
  const attributes: NamedAttribute[] = [];
  let changesOften = false;
  let wrong: ExpressionProblem | null = null;
  const problem = misuseIn(ast, {
    functions: ALLOWED,
    matchesHint: '; use glob(text, "pattern")',
    onNode: (node, args) => {
      const { op, args: named } = node;
      wrong ??= wrongText(node, args);
      if (op === 'id') {
        variables.add(String(named));
        // The whole `request`: later steps may read the address or the command.
        if (named === 'request') changesOften = true;
        return false;
      }
      if (op === '.' && isId(args[0], 'request')) {
        variables.add('request');
        if (args[1] === 'address' || args[1] === 'command') changesOften = true;
        return false;
      }
      const attribute = attributeIn(op, args);
      if (attribute !== null) attributes.push(attribute);
      return true;
    },
  });
  return problem ?? wrong ?? { variables, changesOften, attributes };
}

/** `device.attributes.threat`, or `user.attributes["team"]`; null = the node names none. */
function attributeIn(op: string, [map, key]: readonly unknown[]): NamedAttribute | null {
  if (!isNode(map) || map.op !== '.') return null;
  const name = op === '.' ? key : op === '[]' && isNode(key) && key.op === 'value' ? key.args : null;
  const [object, field] = Array.isArray(map.args) ? (map.args as unknown[]) : [];
  if (typeof name !== 'string' || field !== 'attributes') return null;
  if (isId(object, 'device')) return { of: 'device', name };
  return isId(object, 'user') ? { of: 'user', name } : null;
}

function isId(value: unknown, name: string): boolean {
  return isNode(value) && value.op === 'id' && value.args === name;
}
