// Owns the warnings about texts of a document that are compared letter by letter, and look as if they meant something else.
import type { Problems } from '../document/problem.ts';
import type { Lists, Value } from '../document/value.ts';
import type { PolicyDocument } from '../document/schema.ts';
import type { ValueKind } from '../document/vocabulary.ts';
import { isGlob } from './glob.ts';

/** Signs of comparisons in other languages. */
const FOREIGN_SIGN = /^[=!~^≤≥≠]/;

/** What is doubtful about a value of a condition or requirement, one text for each part. */
export function doubtsOf(value: Value, kind: ValueKind): string[] {
  switch (value.type) {
    case 'any':
      return value.values.flatMap((part) => doubtsOf(part, kind));
    case 'not':
      return doubtsOf(value.value, kind);
    case 'compare':
      return kind === 'attribute' && looksLikeVersion(value) ? [AS_NUMBER] : [];
    case 'text': {
      const doubt = doubtOfText(value.text, kind);
      return doubt === null ? [] : [doubt];
    }
    default:
      return [];
  }
}

const AS_NUMBER =
  'compares as a number where the attribute is one, so that 17.9 is above 17.10; write a version with three parts, e.g. "17.10.0"';

/** A version of two parts is a number too. Those of one digit each are rather numbers. */
function looksLikeVersion({ operand }: Extract<Value, { readonly type: 'compare' }>): boolean {
  if (operand.type !== 'number' || operand.version?.length !== 2) return false;
  const [first = 0, second = 0] = operand.version;
  return first > 10 || (first > 0 && second > 9);
}

function doubtOfText(text: string, kind: ValueKind): string | null {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  if (text.trim() === 'unknown')
    return `"${shown}" is a text here; a value that nobody reported is unknown, in small letters`;
  if (FOREIGN_SIGN.test(text))
    return `"${shown}" is compared as a text, with its first character; write { not: … }, or <, <=, >, >= before what can be compared`;
  if (kind === 'version' && !isGlob(text))
    return `"${shown}" is no version, so the whole text is compared; write a version such as "17.4", a comparison such as "< 17.4", or a pattern`;
  return null;
}

/** Files of lists whose lines are not what a list is made of. */
export function checkListFiles(document: PolicyDocument, lists: Lists, problems: Problems): void {
  for (const [name, list] of Object.entries(document.lists ?? {})) {
    if (Array.isArray(list)) continue;
    const entries = lists.get(name) ?? [];
    const at = ['lists', name, 'file'];
    if (entries.length === 0) problems.warning(at, 'has no values: the list is empty');
    for (const [sign, meaning] of LINE_SIGNS) {
      const entry = entries.find((one) => sign.test(one));
      if (entry !== undefined) problems.warning(at, `"${entry.slice(0, 60)}" ${meaning}`);
    }
  }
}

const LINE_SIGNS: readonly (readonly [RegExp, string])[] = [
  [/\s#/, 'contains a #, which is a part of the value; a comment has a line of its own'],
  [/^["'].*["',]$/, 'has quotes, which are a part of the value; leave them out'],
  [
    /[,;]$|@[^,;]*[,;].*@/,
    'has a comma or semicolon, which is a part of the value; each value has a line of its own',
  ],
];
