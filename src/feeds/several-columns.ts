// Owns what several columns of one record say together about one fact. Pure.
// Rule: the worse of two words counts, and a word that is not understood may be the worse one.
import { namesOf, wordOf } from './row.ts';
import type { Row } from './row.ts';
import { readTime } from './times.ts';
import { flagOf, textOf } from './values.ts';
import { names as wordList } from './word-lists.ts';
import { COMPLIANCE, LEFT, NO, NOTHING, NOT_LEFT, NO_COMPLIANCE, OPEN } from './words.ts';
import type { Compliance } from './words.ts';

/** A record, and where a value of it that was not understood is noted. */
export interface Noting {
  readonly row: Row;
  problem(name: string, value: string, what: string): void;
}

/** A column with a word in it. */
interface Said<T> {
  readonly name: string;
  readonly text: string;
  /** undefined = the word is not understood. */
  readonly meaning: T | undefined;
  /** What the columns of this name say, where they differ (feed-file.ts notes it). */
  readonly differing?: readonly string[];
}

function saidIn<T>(
  { row }: Noting,
  names: readonly string[],
  meaning: (text: string, name: string) => T | undefined,
): Said<T>[] {
  const said: Said<T>[] = [];
  for (const name of names) {
    const differing = row.differing(name);
    const value = row.get(name);
    const text = textOf(value);
    if (differing.length > 0) said.push({ name, text: differing.join(', '), meaning: undefined, differing });
    else if (text !== null) said.push({ name, text, meaning: meaning(text, name) });
    // A list of states is none of them.
    else if (Array.isArray(value) && value.length > 1)
      said.push({ name, text: JSON.stringify(value), meaning: undefined });
  }
  return said;
}

function noteUnread(reader: Noting, { name, text, differing }: Said<unknown>): void {
  if (differing === undefined) reader.problem(name, text, 'is not understood');
}

/** The value of several columns: `worse` if any of them says so; unknown if one that is not understood may say so; else the first one's. */
export function worstOf(
  reader: Noting,
  names: readonly string[],
  meaning: (text: string | null) => boolean | null | undefined,
  worse: boolean,
): boolean | null {
  const said = saidIn(reader, names, meaning);
  if (said.some((one) => one.meaning === worse)) return worse;
  // Nobody knows which of the columns of one name is right, but another one does not say that the worse one is wrong.
  if (said.length > 1 && said.some((one) => one.differing?.some((text) => meaning(text) === worse) === true))
    return worse;
  const unread = said.find((one) => one.meaning === undefined);
  if (unread !== undefined) {
    noteUnread(reader, unread);
    return null;
  }
  return said[0]?.meaning ?? null;
}

/** Whether one of several columns says yes, each of which can only deny; null = one of them may say so. */
export function isDeniedBy(reader: Noting, names: readonly string[]): boolean | null {
  const said = saidIn(reader, names, flagOf);
  if (said.some(({ meaning }) => meaning === true)) return true;
  if (said.some(({ differing = [] }) => differing.some((text) => flagOf(text) === true))) return true;
  // A number of policies or a date, too.
  const unread = said.find(({ meaning }) => meaning === undefined);
  if (unread !== undefined) noteUnread(reader, unread);
  return unread !== undefined || said.some(({ text }) => OPEN.has(wordOf(text))) ? null : false;
}

/** Whether a word means in any column that a device does not comply: a no, or a number, may be about something else. */
export function saysNonCompliant(word: string): boolean {
  return COMPLIANCE.get(word)?.compliant === false && !NO.has(word) && !/^\d/.test(word);
}

const FAILED = /^fail(?:ed|ing|ure)?$/;

/**
 * Whether a column that is not known says in so many words that the device does not comply: `Compliance (security): Noncompliant`,
 * `Compliance result: Failed`. Its no, or a number, may be about something else.
 */
function isContradicted(reader: Noting, known: readonly string[]): boolean {
  for (const name of reader.row.withPart('complian')) {
    const text = known.includes(name) ? null : textOf(reader.row.get(name));
    const word = text === null ? '' : wordOf(text);
    if (text === null || (!saysNonCompliant(word) && !FAILED.test(word))) continue;
    reader.problem(name, text, 'is another word for the compliance of the device');
    return true;
  }
  return false;
}

/**
 * The compliance that several columns say: the first one's, if no other says anything else. Where one says that it complies and another
 * one does not, or is not understood, nobody knows. null = no column has a word.
 *
 * `isTranslated`: a column may repeat the number of another one in the language of the export, so that beside a number a word that is not
 * understood is ignored.
 */
export function complianceIn(
  reader: Noting,
  names: readonly string[],
  meaning: (text: string, name: string) => Compliance | undefined,
  isTranslated = false,
): Compliance | null {
  const all = saidIn(reader, names, meaning);
  if (all.length === 0) return null;
  // Not applicable, not available: a column that says so denies nothing, as an empty one.
  const said = all.filter((one) => one.meaning === undefined || !NOTHING.has(wordOf(one.text)));
  const known = said.flatMap((one) => one.meaning ?? []);
  const isNumbered = said.some((one) => one.meaning !== undefined && /^\d+$/.test(one.text));
  const unread = said.find((one) => one.meaning === undefined);
  const hasUnread = unread !== undefined && !(isTranslated && isNumbered && unread.differing === undefined);
  if (hasUnread) noteUnread(reader, unread);
  const isCompliant = known.some(({ compliant }) => compliant === true);
  if (isCompliant && known.some(({ compliant }) => compliant !== true)) {
    reader.problem(said[0]?.name ?? '', said.map(({ text }) => text).join(', '), 'contradict each other');
    return NO_COMPLIANCE;
  }
  if (isCompliant && (hasUnread || isContradicted(reader, names))) return NO_COMPLIANCE;
  return known.find(({ compliant, inGrace }) => compliant === false || inGrace) ?? known[0] ?? NO_COMPLIANCE;
}

/** Whether a state contains a word for a device that left management or is about to: wiped, retired, deleted, removed, unenrolled. */
export function meansLeft(state: string): boolean {
  const word = wordOf(state).toLowerCase();
  return LEFT.test(word) && !NOT_LEFT.test(word);
}

/** Columns that say of a device that it left its source. */
export const LEFT_COLUMNS = wordList(
  `isdeleted deleted isremoved removed isretired retired isunenrolled unenrolled iswiped wiped isarchived archived intrash
  deletedat deletedon deleteddate deleteddatetime`,
);

/** Whether a source keeps the record of a device that left, and says so in a column, by yes or by a date; null = a column may say so. */
export function hasLeftSource(reader: Noting): boolean | null {
  let left: boolean | null = false;
  for (const name of namesOf(reader.row, LEFT_COLUMNS)) {
    const text = textOf(reader.row.get(name)) ?? '';
    const said = flagOf(text);
    if (said === true) return true;
    if (said !== undefined || NOT_LEFT.test(wordOf(text))) continue;
    const time = readTime(text, { order: 'dayFirst', zone: 'UTC' });
    if (time === 'never') continue;
    if (time !== 'unreadable') return true;
    reader.problem(name, text, 'is not understood');
    left = null;
  }
  return left;
}
