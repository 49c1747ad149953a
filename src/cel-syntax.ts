// Owns which CEL expressions may be used at all, in policies and in mappings: only named functions, whose time is linear in their
// input, and no loop within a loop. Pure.
import { didYouMean } from './suggest.ts';

/** Why an expression cannot be used. */
export interface ExpressionProblem {
  readonly message: string;
  /** Position in the expression, in characters. */
  readonly offset: number;
}

/** The relevant part of the library's syntax tree. */
export interface SyntaxNode {
  readonly op: string;
  readonly args: unknown;
  readonly start?: number;
}

const LOOPS: readonly string[] = ['exists', 'all', 'exists_one', 'filter', 'map'];

/** Functions of every expression: each takes time linear in its input. `matches` is not among them. */
export const FUNCTIONS: readonly string[] = [
  'has',
  'size',
  'startsWith',
  'endsWith',
  'contains',
  'lowerAscii',
  'upperAscii',
  'trim',
  ...LOOPS,
  'string',
  'int',
  'double',
  'bool',
  'timestamp',
  'duration',
];

/** What differs between the kinds of expressions. */
interface Rules {
  readonly functions: ReadonlySet<string>;
  /** What to write in place of `matches`. */
  readonly matchesHint: string;
  /** Sees each node; false = what is below it is not looked at. */
  readonly onNode: (node: SyntaxNode, args: readonly unknown[]) => boolean;
}

/** The first thing in a syntax tree that is not allowed; null = nothing. */
export function misuseIn(tree: unknown, { functions, matchesHint, onNode }: Rules): ExpressionProblem | null {
  let problem: ExpressionProblem | null = null;
  const visit = (value: unknown, loops: number): void => {
    if (Array.isArray(value)) {
      for (const one of value) visit(one, loops);
      return;
    }
    if (!isNode(value)) return;
    const args = Array.isArray(value.args) ? (value.args as unknown[]) : [value.args];
    if (!onNode(value, args)) return;
    let inside = loops;
    if (isCall(value)) {
      const called = String(args[0]);
      const offset = value.start ?? 0;
      if (!functions.has(called)) {
        const hint = called === 'matches' ? matchesHint : didYouMean(called, functions);
        problem ??= { message: `there is no function ${called}()${hint}`, offset };
      }
      if (LOOPS.includes(called)) inside++;
      if (inside > 1) problem ??= { message: 'loops cannot be nested', offset };
    }
    for (const one of args) visit(one, inside);
  };
  visit(tree, 0);
  return problem;
}

/** Whether a value of the tree is a node. */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'op' in value;
}

/** Whether a node calls a function; the first of its parts is the name. */
export function isCall({ op }: SyntaxNode): boolean {
  return op === 'call' || op === 'rcall';
}

/** The text of an error of the library. */
export function libraryText(error: unknown): string {
  const { summary, message } = error as { readonly summary?: string; readonly message?: string };
  return (summary ?? message ?? '').split('\n')[0] ?? '';
}

/** The problem that an error of the library is. `hintFor`: what to add to its text. */
export function libraryProblem(error: unknown, hintFor: (text: string) => string): ExpressionProblem {
  const { range } = error as { readonly range?: { readonly start: number } };
  const text = libraryText(error) || 'cannot be understood';
  return { message: `${text}${hintFor(text)}`, offset: range?.start ?? 0 };
}
