// Owns the bounds of what feeds report in words of their own: requirements, attributes, names, and the time of observation.
import type { AttributeValue } from './fields.ts';

const MAX_REQUIREMENTS = 10;
const MAX_REQUIREMENT = 64;
const MAX_ATTRIBUTES = 32;
const MAX_ATTRIBUTE_NAME = 64;
const MAX_ATTRIBUTE_TEXT = 256;
const MAX_TEXT = 256;
/** Most other names of one user. */
export const MAX_ALIASES = 64;
/** Most groups of one user. */
const MAX_GROUPS = 1_024;
/** How far ahead of this machine's clock an observation may be. */
const MAX_AHEAD_MS = 300_000;
/** Invisible or misleading characters: control characters, line ends, direction marks. */
const UNSHOWN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

const FIRST_SURROGATE = 0xd800;

/** Printable ASCII without space at either end. */
const PLAIN = /^[!-~](?:[ -~]*[!-~])?$/;

/** Requirements as they are kept and shown to the phone's user: one line each, a few, none twice. */
export function boundRequirements(said: readonly string[]): string[] {
  // What is stored is bounded already: reading it costs no more than a look.
  if (said.length <= MAX_REQUIREMENTS && said.every(isBounded)) return [...new Set(said)];
  const kept = said
    .slice(0, MAX_REQUIREMENTS * 2)
    .map((text) => text.slice(0, MAX_REQUIREMENT).toWellFormed().replaceAll(UNSHOWN, ' ').trim())
    .filter((text) => text !== '');
  return [...new Set(kept)].slice(0, MAX_REQUIREMENTS);
}

function isBounded(text: string): boolean {
  return text.length <= MAX_REQUIREMENT && PLAIN.test(text);
}

type Attributes = Readonly<Record<string, AttributeValue>>;

/** Attributes as they are kept: a limited number, with names and texts of limited length. Null = none. */
export function boundAttributes(said: Attributes | null): Attributes | null {
  if (said === null) return null;
  const names = Object.keys(said);
  if (names.length === 0) return null;
  // Stored values, and most reported ones, are within the bounds: they are returned without a copy.
  if (names.length <= MAX_ATTRIBUTES && areBounded(said, names)) return said;
  const kept: [string, AttributeValue][] = [];
  for (const [name, value] of Object.entries(said)) {
    if (kept.length === MAX_ATTRIBUTES) break;
    if (name.length > MAX_ATTRIBUTE_NAME) continue;
    kept.push([name, typeof value === 'string' ? value.slice(0, MAX_ATTRIBUTE_TEXT).toWellFormed() : value]);
  }
  return kept.length === 0 ? null : Object.fromEntries(kept);
}

function areBounded(said: Attributes, names: readonly string[]): boolean {
  for (const name of names) if (!isBoundedAttribute(name, said[name])) return false;
  return true;
}

function isBoundedAttribute(name: string, value: AttributeValue | undefined): boolean {
  if (name.length > MAX_ATTRIBUTE_NAME) return false;
  return typeof value !== 'string' || (value.length <= MAX_ATTRIBUTE_TEXT && isWellFormed(value));
}

/** A text as it is stored: cut if it is too long; lone surrogates are replaced. */
export function boundText(text: string | null): string | null {
  if (text === null || (text.length <= MAX_TEXT && isWellFormed(text))) return text;
  return text.slice(0, MAX_TEXT).toWellFormed();
}

/** Most texts are short and have no surrogates: this loop takes a fraction of the time of `isWellFormed`. */
function isWellFormed(text: string): boolean {
  for (let at = 0; at < text.length; at += 1)
    if (text.charCodeAt(at) >= FIRST_SURROGATE) return text.isWellFormed();
  return true;
}

/** Names of users or groups as they are kept. Their order has no meaning: sorted, so that another order is no news. */
export function boundNames(said: readonly string[], max: number): string[] {
  const names = said.filter((name) => name.length <= MAX_TEXT && isWellFormed(name)).sort();
  for (let at = 1; at < names.length; at += 1)
    if (names[at] === names[at - 1]) return [...new Set(names)].slice(0, max);
  return names.length > max ? names.slice(0, max) : names;
}

/**
 * Stands in the groups of a user for those that did not fit. It goes with the next list that the source sends as a whole.
 * Threat: somebody who makes so many groups that one does not fit in which a stricter policy applies (decisions/0105).
 */
export const MORE_GROUPS = '…';

/** Groups as they are kept. */
export function boundGroups(said: readonly string[]): string[] {
  const groups = boundNames(said, Infinity);
  if (groups.length <= MAX_GROUPS) return groups;
  const others = groups.filter((group) => group !== MORE_GROUPS);
  return [...others.slice(0, MAX_GROUPS - 1), MORE_GROUPS];
}

/** Groups as far as they are known; null = there may be others. */
export function wholeGroups(kept: readonly string[] | null): readonly string[] | null {
  return kept?.includes(MORE_GROUPS) === true ? null : kept;
}

/** A time of observation that is too far ahead counts as the time of receipt; one that is not a number, as the earliest. */
export function receivedAt(observedAt: number, now: number): number {
  if (Number.isNaN(observedAt)) return 0;
  return observedAt > now + MAX_AHEAD_MS ? now : observedAt;
}
