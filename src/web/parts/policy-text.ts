// Owns the text of a policy as the editor shows it: words with their colours and marks, suggestions, the mode. Pure.
import type { AnswerOf } from '../../api/contract/operations.ts';

/** A problem of a document. */
export type Problem = AnswerOf<'checkPolicy'>['problems'][number];

/** A part of a line that looks alike. */
export interface Piece {
  readonly text: string;
  readonly look: 'key' | 'val' | 'str' | 'note' | null;
  readonly severity: Problem['severity'] | null;
}

/** From, to (not included), in letters from 0. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const WORD = /[\w.*@-]/;

/** The word of a problem in its line: what is marked, and what a suggestion replaces. */
function wordAt(line: string, column: number): Range {
  const quote = line[column - 1];
  const from = quote === '"' || quote === "'" ? column : column - 1;
  let to = from;
  while (to < line.length && WORD.test(line[to] ?? '')) to++;
  return { from, to: Math.max(to, Math.min(from + 1, line.length)) };
}

const KEY = /^(\s*(?:- )*)([\w.-]+)(?=:(?:\s|$))/;
const SCALAR = /^:\s+([\w.-]+)\s*$/;
/** Keys of names that the author of the document chooses: they are no values that the language knows. */
const NAMES: ReadonlySet<string> = new Set(['name']);

/** Looks of the letters of a line: keys, single values, quoted texts, comments. Comments begin a line, or follow a space. */
function looksOf(line: string): readonly (Range & { readonly look: NonNullable<Piece['look']> })[] {
  const found: (Range & { readonly look: NonNullable<Piece['look']> })[] = [];
  const key = KEY.exec(line);
  let at = 0;
  if (key !== null) {
    const from = key[1]?.length ?? 0;
    at = from + (key[2]?.length ?? 0);
    found.push({ from, to: at, look: 'key' });
    const value = NAMES.has(key[2] ?? '') ? undefined : SCALAR.exec(line.slice(at))?.[1];
    if (value !== undefined) {
      const start = line.indexOf(value, at);
      return [...found, { from: start, to: start + value.length, look: 'val' }];
    }
  }
  while (at < line.length) {
    const letter = line[at] ?? '';
    if (letter === '#' && (at === 0 || line[at - 1] === ' ')) {
      found.push({ from: at, to: line.length, look: 'note' });
      break;
    }
    if (letter === '"' || letter === "'") {
      const end = line.indexOf(letter, at + 1);
      const to = end < 0 ? line.length : end + 1;
      found.push({ from: at, to, look: 'str' });
      at = to;
    } else at++;
  }
  return found;
}

/** The parts of a line, with the problems that are in it. */
export function piecesOf(line: string, problems: readonly Problem[]): Piece[] {
  const looks = looksOf(line);
  const marks = problems.map(({ column, severity }) => ({ ...wordAt(line, column ?? 1), severity }));
  const cuts = new Set([0, line.length]);
  for (const { from, to } of [...looks, ...marks]) cuts.add(from).add(to);
  const places = [...cuts].filter((cut) => cut <= line.length).sort((a, b) => a - b);
  return places.slice(0, -1).map((from, index) => {
    const within = (range: Range): boolean => range.from <= from && from < range.to;
    const marked = marks.filter(within);
    return {
      text: line.slice(from, places[index + 1]),
      look: looks.find(within)?.look ?? null,
      severity: marked.some(({ severity }) => severity === 'error') ? 'error' : (marked[0]?.severity ?? null),
    };
  });
}

/** The sentence of a problem, without its suggestion. A field that it begins with keeps its spelling. */
export function sentenceOf({ message, suggestion }: Problem): string {
  const bare = suggestion === null ? message : message.replace(` (did you mean "${suggestion}"?)`, '');
  const sentence = /^[a-z]+ /.test(bare) ? bare.charAt(0).toUpperCase() + bare.slice(1) : bare;
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** The text with the suggestion in the place of what was misspelt; null = that place is not known. */
export function withSuggestion(text: string, { line, column, message, suggestion }: Problem): string | null {
  if (line === null || column === null || suggestion === null) return null;
  const lines = text.split('\n');
  const old = lines[line - 1];
  if (old === undefined) return null;
  const { from, to } = wordAt(old, column);
  // Only what the problem itself names is replaced.
  if (!message.includes(`"${old.slice(from, to)}"`)) return null;
  lines[line - 1] = old.slice(0, from) + suggestion + old.slice(to);
  return lines.join('\n');
}

/** Where a line and column are, in letters from the beginning. */
export function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let count = 1; count < line; count++) {
    const next = text.indexOf('\n', start);
    if (next < 0) break;
    start = next + 1;
  }
  return Math.min(text.length, start + column - 1);
}

/** Line and column of a place; both count from 1. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - start + 1 };
}

/** The text with another mode; a text that has none gets a line after its name. */
export function withMode(text: string, mode: 'enforce' | 'reportOnly'): string {
  const line = /^mode:[ \t]*[\w-]*/m;
  if (line.test(text)) return text.replace(line, `mode: ${mode}`);
  const name = /^name:.*$/m.exec(text);
  if (name === null) return `mode: ${mode}\n${text}`;
  const end = name.index + name[0].length;
  return `${text.slice(0, end)}\nmode: ${mode}${text.slice(end)}`;
}

/** What to begin with where nothing was published. */
export const FIRST_TEXT = `name: First policy
mode: reportOnly
compliance:
  - name: baseline
    require: { compliant: true }
`;
