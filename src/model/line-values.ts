// Owns the values within the lines of stored records (stored-line.ts): numbers in base 36, texts and lists with percent escapes.
import { codeAt, placeIn } from '../text-methods.ts';

/** What has a meaning in a line, and control characters. */
const RESERVED = /[%|\u0000-\u001f\u007f]/g;
const RESERVED_IN_ITEMS = /[%|,~[\u0000-\u001f\u007f]/g;
const PLAIN_ITEM = /^[^%|,~[\u0000-\u001f\u007f\ud800-\udfff]+$/;
const PLAIN = /^[^%|\u0000-\u001f\u007f\ud800-\udfff]+$/;
/** The empty text: an empty place is a value that is missing. */
const EMPTY = '%';
const ESCAPE = /%(?:([0-9A-F]{2})|)/g;
const STANDING = '~';

/** Longest number in base 36: that of `Number.MAX_SAFE_INTEGER`. */
const MAX_DIGITS = 11;
const [DIGIT_0, DIGIT_9, LETTER_A, LETTER_Z, MINUS, PERCENT] = [0x30, 0x39, 0x61, 0x7a, 0x2d, 0x25];

/** An integer in base 36, `mi1x2y3z`; other numbers in decimal form behind `%`. */
export function encodedNumber(value: number): string {
  if (!Number.isSafeInteger(value)) return `%${value}`;
  return value < 0 ? `-${digitsOf(-value)}` : digitsOf(value);
}

const ONES = Array.from({ length: 36 }, (_, value) => value.toString(36));
const PAIRS = ONES.flatMap((first) => ONES.map((second) => first + second));

/** What `toString(36)` returns, in a fifth of the time. */
function digitsOf(value: number): string {
  let left = value;
  let text = '';
  while (left >= 36) {
    const next = Math.floor(left / 1_296);
    text = (PAIRS[left - next * 1_296] ?? '') + text;
    left = next;
  }
  return left > 0 || text === '' ? (ONES[left] ?? '') + text : text;
}

/** Undefined = malformed. */
export function decodedNumber(place: string): number | undefined {
  if (codeAt(place, 0) === PERCENT) {
    const other = place.length === 1 ? NaN : Number(place.slice(1));
    return Number.isFinite(other) ? other : undefined;
  }
  const first = codeAt(place, 0) === MINUS ? 1 : 0;
  if (place.length === first || place.length > MAX_DIGITS + first) return undefined;
  let value = 0;
  for (let at = first; at < place.length; at += 1) {
    const code = codeAt(place, at);
    if (code >= DIGIT_0 && code <= DIGIT_9) value = value * 36 + (code - DIGIT_0);
    else if (code >= LETTER_A && code <= LETTER_Z) value = value * 36 + (code - LETTER_A + 10);
    else return undefined;
  }
  return first === 1 ? -value : value;
}

/** `shorts`: forms that mean something else here; a text that is the same as one gets an escape. */
export function encodedText(text: string, shorts: ReadonlyMap<string, string> | null): string {
  if (text === '') return EMPTY;
  if (shorts !== null && shorts.has(text))
    return escaped(text.charAt(0)) + escapedIn(text.slice(1), RESERVED);
  return PLAIN.test(text) ? text : escapedIn(text, RESERVED);
}

/** Undefined = malformed. */
export function decodedText(place: string): string | undefined {
  if (place === EMPTY) return '';
  return placeIn(place, '%', 0) === -1 ? place : unescaped(place);
}

/** Items separated by `,`. Where an item contains `standing`, `~` stands for that. */
export function encodedItems(items: readonly string[], standing: string | null): string {
  return items.map((item) => encodedItem(item, standing)).join(',');
}

/** One item of such a list. */
export function encodedItem(item: string, standing: string | null): string {
  if (item === '') return EMPTY;
  if (standing === null && PLAIN_ITEM.test(item)) return item;
  const at = standing === null || standing === '' ? -1 : item.indexOf(standing);
  if (at === -1) return escapedIn(item, RESERVED_IN_ITEMS);
  const behind = item.slice(at + (standing?.length ?? 0));
  return escapedIn(item.slice(0, at), RESERVED_IN_ITEMS) + STANDING + escapedIn(behind, RESERVED_IN_ITEMS);
}

/** Undefined = malformed. */
export function decodedItems(place: string, standing: string | null): string[] | undefined {
  // As most lists in the records of devices.
  if (placeIn(place, ',', 0) === -1) {
    const only = decodedItem(place, standing);
    return only === undefined ? undefined : [only];
  }
  const items: string[] = [];
  for (const encoded of place.split(',')) {
    const item = decodedItem(encoded, standing);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function decodedItem(encoded: string, standing: string | null): string | undefined {
  if (encoded === '') return undefined;
  const at = placeIn(encoded, STANDING, 0);
  if (at === -1) return decodedText(encoded);
  return joined(decodedPart(encoded.slice(0, at)), standing, decodedPart(encoded.slice(at + 1)));
}

/** A part of an item: unlike an item it may be empty. */
function decodedPart(part: string): string | undefined {
  return part.includes('%') ? unescaped(part) : part;
}

function joined(before: string | undefined, standing: string | null, behind: string | undefined) {
  return before === undefined || standing === null || behind === undefined
    ? undefined
    : before + standing + behind;
}

/** A text that is not well-formed has no UTF-8. */
function escapedIn(text: string, reserved: RegExp): string {
  return text.toWellFormed().replaceAll(reserved, escaped);
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function unescaped(text: string): string | undefined {
  let isGood = true;
  const result = text.replaceAll(ESCAPE, (_escape, hex: string | undefined) => {
    isGood &&= hex !== undefined;
    return String.fromCharCode(Number.parseInt(hex ?? '', 16));
  });
  return isGood ? result : undefined;
}
