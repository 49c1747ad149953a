// Owns text comparison of filters (patterns, known words, parts of names), and suggestions for misspelt names. Pure.
import { ProgramError } from '../errors/program-errors.ts';
import { compileGlob, isGlob } from '../policy/compile/glob.ts';
import { nearest } from '../suggest.ts';

/** Most suggestions. */
const MAX_NEAR = 5;

/** Compares without case; with `*` or `?` as a pattern. `normalize` is applied to an exact text, e.g. a device id. */
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

/** Matches any of the given words, which must be known; `synonyms` maps other spellings to known words. @throws ProgramError */
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

/** `; near: …`: the most similar known name, and names with the same beginning; empty = none. */
export function nearText(name: string, beginning: string, known: ReadonlySet<string>): string {
  const slip = nearest(name, known);
  const alike = [...known].filter((one) => one.startsWith(beginning) && one !== slip);
  const near = (slip === null ? alike : [slip, ...alike]).slice(0, MAX_NEAR);
  return near.length === 0 ? '' : `; near: ${near.join(', ')}`;
}
