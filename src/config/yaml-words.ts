// Owns the messages about invalid YAML, one per cause, with their positions.
import type { YAMLError } from 'yaml';
import type { Span } from './yaml-source.ts';

/** One problem of the text as such. */
export interface YamlProblem {
  readonly text: string;
  readonly span: Span;
  /** The parsed value is unreliable. */
  readonly broken: boolean;
}

const WORDS: Readonly<Record<string, string>> = {
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BLOCK_AS_IMPLICIT_KEY: 'a name needs a line of its own',
  TAB_AS_INDENT: 'indented by a tab: use spaces',
  MULTIPLE_DOCS: 'a second document begins here: one file holds one configuration',
  BAD_ALIAS: 'an alias (*name) needs an anchor (&name) above it',
  BAD_DQ_ESCAPE: 'no such escape in double quotes: write \\\\ for a backslash, or use single quotes',
  BAD_SCALAR_START: 'a text cannot begin with this character: put it in quotes',
  MULTILINE_IMPLICIT_KEY: 'a name ends on its own line, with ": " and its value behind it',
  NON_STRING_KEY: 'a name must be a text',
};

/** Every duplicate name is reported; of all other errors only the first, since the rest follow from it. */
export function describeYamlErrors(errors: readonly YAMLError[], text: string): YamlProblem[] {
  const twice = errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  const first = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  return [
    ...twice.map(({ pos: [from, to] }) => ({
      text: `${/^[\w.-]+/.exec(text.slice(from))?.[0] ?? 'this name'} occurs twice here: names must be unique`,
      span: { from, to },
      broken: first !== undefined,
    })),
    ...(first === undefined ? [] : [describeError(first, text)]),
  ].sort((a, b) => a.span.from - b.span.from);
}

function describeError({ code, message, pos: [from, to] }: YAMLError, text: string): YamlProblem {
  if (code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY') {
    const deeper = deeperLineBelow(text, from);
    if (deeper !== null)
      return {
        text: 'indented deeper than the line above, which has a value already',
        span: deeper,
        broken: true,
      };
  }
  const end = text.trimEnd().length;
  // An unclosed quote or bracket is detected at the end of the file: the mark is set on the last line with text.
  const at = from >= end ? Math.max(0, end - 1) : from;
  const words = WORDS[code] ?? message.split('\n')[0] ?? message;
  return { text: words, span: { from: at, to: Math.max(at + 1, Math.min(to, end)) }, broken: true };
}

/** The next line with text, if it is indented deeper than the line of this position. */
function deeperLineBelow(text: string, from: number): Span | null {
  const start = text.lastIndexOf('\n', from - 1) + 1;
  const indent = indentOf(text.slice(start));
  let next = text.indexOf('\n', from) + 1;
  while (next > 0 && next < text.length) {
    const end = text.indexOf('\n', next) === -1 ? text.length : text.indexOf('\n', next);
    const line = text.slice(next, end);
    if (line.trim() !== '' && !line.trim().startsWith('#')) {
      const own = indentOf(line);
      return own > indent ? { from: next + own, to: next + line.trimEnd().length } : null;
    }
    next = end + 1;
  }
  return null;
}

function indentOf(line: string): number {
  return /^ */.exec(line)?.[0].length ?? 0;
}
