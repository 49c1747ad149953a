// Owns how filters compare texts: patterns, lists of known words, parts of names; and which names are near one. Pure.
import { ProgramError } from '../errors.ts';
import { compileGlob, isGlob } from '../policy/compile/glob.ts';
import { nearest } from '../suggest.ts';

/** Near names that are listed. */
const MAX_NEAR = 5;

/** Compares without case; with `*` and `?` as a pattern. `normalize` reads an exact text, as of a device id. */
export function matching(
  pattern: string,
  normalize: (text: string) => string = (text) => text,
): (text: string) => boolean {
  if (isGlob(pattern)) {
    const matches = compileGlob(pattern.toLowerCase());
    return (text) => matches(text.toLowerCase());
  }
  const exact = normalize(pattern).toLowerCase();
  return (text) => text.toLowerCase() === exact;
}

/** Any of some words, each of which must be known; `synonyms` maps further spellings to known words. @throws ProgramError */
export function among(
  given: readonly string[],
  known: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): (word: string) => boolean {
  const wanted = new Set(
    given.map((word) => {
      const lower = word.toLowerCase();
      const found =
        known.find((one) => one.toLowerCase() === lower) ??
        Object.entries(synonyms).find(([name]) => name.toLowerCase() === lower)?.[1];
      if (found === undefined)
        throw new ProgramError('EASGATE_FILTER', `${word}: none of ${known.join(', ')}`);
      return found;
    }),
  );
  return (word) => wanted.has(word);
}

/** Whether any of some names contains a text, without case. */
export function containing(text: string): (names: readonly (string | null | undefined)[]) => boolean {
  const part = text.toLowerCase();
  return (names) => names.some((name) => name?.toLowerCase().includes(part) === true);
}

/** `; near: …`: the known name that is a slip away, and those that begin alike; empty = there are none. */
export function nearText(name: string, beginning: string, known: ReadonlySet<string>): string {
  const slip = nearest(name, known);
  const alike = [...known].filter((one) => one.startsWith(beginning) && one !== slip);
  const near = (slip === null ? alike : [slip, ...alike]).slice(0, MAX_NEAR);
  return near.length === 0 ? '' : `; near: ${near.join(', ')}`;
}
