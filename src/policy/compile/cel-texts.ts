// Owns the check of texts that an expression gives to a function as they stand: one that it cannot read fails for every phone, and
// an expression that fails counts against the phone.
import { isCall, isNode } from '../../cel-syntax.ts';
import type { ExpressionProblem, SyntaxNode } from '../../cel-syntax.ts';
import { parseRange } from '../../ip-address.ts';
import { parseTime } from '../document/times.ts';
import { parseVersion } from './version.ts';

interface Reader {
  readonly accepts: (text: string) => boolean;
  readonly wanted: string;
}

const READERS: Readonly<Record<string, Reader>> = {
  duration: {
    // As in Go, whose largest unit is the hour.
    accepts: (text) => /^[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:h|m|s|ms|us|µs|ns))+$/.test(text),
    wanted: 'a duration in hours, minutes and seconds, e.g. "168h" for seven days',
  },
  timestamp: {
    // With a zone (RFC 3339).
    accepts: (text) => /[Tt].*(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$/.test(text) && parseTime(text) !== null,
    wanted: 'a time such as "2026-12-01T08:00:00Z"',
  },
  age: { accepts: (text) => parseTime(text) !== null, wanted: 'a date such as "2026-12-01"' },
  version: { accepts: (text) => parseVersion(text) !== null, wanted: 'a version such as "17.4"' },
  inNetwork: { accepts: (text) => parseRange(text) !== null, wanted: 'an address or block of addresses' },
};

/** The first text of a call that its function cannot read; null = there is none. */
export function wrongText(node: SyntaxNode, args: readonly unknown[]): ExpressionProblem | null {
  if (!isCall(node) || !Object.hasOwn(READERS, String(args[0]))) return null;
  const reader = READERS[String(args[0])];
  if (reader === undefined) return null;
  for (const { text, offset } of textsIn(args.slice(1)))
    if (!reader.accepts(text)) return { message: `"${text.slice(0, 60)}" is not ${reader.wanted}`, offset };
  return null;
}

/** Texts that stand as they are among the parts of a call, or in a list there. */
function textsIn(parts: readonly unknown[]): { readonly text: string; readonly offset: number }[] {
  return parts.flatMap((part) => {
    if (Array.isArray(part)) return textsIn(part as unknown[]);
    if (!isNode(part)) return [];
    if (part.op === 'list' && Array.isArray(part.args)) return textsIn(part.args as unknown[]);
    return part.op === 'value' && typeof part.args === 'string'
      ? [{ text: part.args, offset: part.start ?? 0 }]
      : [];
  });
}
