// Owns `when`: CEL expressions over the facts, checked at compile time, with bounded cost.
import { didYouMean } from '../../suggest.ts';
import { CEL_KEYS, CEL_VARIABLES, environment, runWith } from './cel-environment.ts';
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
}

/** Why an expression cannot be used. */
export interface ExpressionProblem {
  readonly message: string;
  /** Position in the expression, in characters. */
  readonly offset: number;
}

/** Allowed functions: each takes time linear in its input. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  'has',
  'size',
  'startsWith',
  'endsWith',
  'contains',
  'lowerAscii',
  'upperAscii',
  'trim',
  'exists',
  'all',
  'exists_one',
  'filter',
  'map',
  'string',
  'int',
  'double',
  'bool',
  'timestamp',
  'duration',
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
const LOOPS: ReadonlySet<string> = new Set(['exists', 'all', 'exists_one', 'filter', 'map']);

/** Lifetime of a verdict that depends on an expression that reads the time itself. */
const READS_NOW_MS = 60_000;

/** Compiles an expression; returns the problem if that fails. */
export function compileExpression(text: string): Expression | ExpressionProblem {
  let parsed: ReturnType<typeof environment.parse>;
  try {
    parsed = environment.parse(text);
  } catch (error) {
    return problemOf(error);
  }
  const uses = usesOf(parsed.ast);
  if ('message' in uses) return uses;
  const checked = parsed.check();
  if (!checked.valid) return problemOf(checked.error);
  if (checked.type !== 'bool' && checked.type !== 'dyn')
    return { message: `must be true or false, is ${checked.type ?? 'of no type'}`, offset: 0 };
  const readsNow = uses.variables.has('now');
  return {
    text,
    perRequest: uses.variables.has('request'),
    changesOften: uses.changesOften,
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

function problemOf(error: unknown): ExpressionProblem {
  const { summary, message, range } = error as {
    summary?: string;
    message?: string;
    range?: { start: number };
  };
  const text = summary ?? message ?? 'cannot be understood';
  return { message: `${text}${hintFor(text)}`, offset: range?.start ?? 0 };
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
}

/** The relevant part of the library's syntax tree. */
interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly start?: number;
}

/** The variables and functions of an expression; a problem where it calls a forbidden one. */
function usesOf(ast: unknown): Uses | ExpressionProblem {
  const variables = new Set<string>();
  let changesOften = false;
  let problem: ExpressionProblem | null = null;
  const refuse = (message: string, node: Node): void => {
    problem ??= { message, offset: node.start ?? 0 };
  };
  const visit = (value: unknown, loops: number): void => {
    if (Array.isArray(value)) {
      for (const one of value) visit(one, loops);
      return;
    }
    if (typeof value !== 'object' || value === null || !('op' in value)) return;
    const node = value as Node;
    const args = Array.isArray(node.args) ? (node.args as unknown[]) : [node.args];
    if (node.op === 'id') {
      variables.add(String(node.args));
      // The whole `request`: later steps may read the address or the command.
      if (node.args === 'request') changesOften = true;
      return;
    }
    if (node.op === '.' && isId(args[0], 'request')) {
      variables.add('request');
      if (args[1] === 'address' || args[1] === 'command') changesOften = true;
      return;
    }
    let inside = loops;
    if (node.op === 'call' || node.op === 'rcall') {
      const called = String(args[0]);
      if (!FUNCTIONS.has(called)) {
        const hint = called === 'matches' ? '; use glob(text, "pattern")' : didYouMean(called, FUNCTIONS);
        refuse(`there is no function ${called}()${hint}`, node);
      }
      if (LOOPS.has(called)) inside++;
      if (inside > 1) refuse('loops cannot be nested', node);
    }
    for (const one of args) visit(one, inside);
  };
  visit(ast, 0);
  return problem ?? { variables, changesOften };
}

function isId(value: unknown, name: string): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Node).op === 'id' &&
    (value as Node).args === name
  );
}
