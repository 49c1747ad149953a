// Owns the search for a name that stands twice in one object of a JSON text. Pure.
// RFC 8259 4: "names within an object SHOULD be unique"; readers differ in which one they take.
// Threat: a record that a filter in front of easgate reads as refused, and easgate as allowed.

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The first name that stands twice in the same object; null = none does. `text` must be JSON. `form` is the form in which names
 * compare.
 */
export function repeatedName(text: string, form: (name: string) => string = (name) => name): string | null {
  // Of each container that is open: the names of an object, null for a list.
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at + 1);
      if (isName) {
        isName = false;
        const names = open.at(-1);
        const name = nameOf(text, at, end);
        if (names?.has(form(name)) === true) return name;
        names?.add(form(name));
      }
      at = end;
    } else if (code === OPEN_BRACE) {
      open.push(new Set());
      isName = true;
    } else if (code === OPEN_BRACKET) {
      open.push(null);
      isName = false;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      open.pop();
      isName = false;
    } else if (code === COMMA) isName = open.length > 0 && open.at(-1) !== null;
  }
  return null;
}

/**
 * Like {@link repeatedName}, for texts whose value was parsed already: most need not be searched. Each name of a text, a repeated one
 * too, has `":` behind it; where there are as many of these as names in the value, none stands twice.
 */
export function repeatedNameOf(text: string, value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!/"\s+:/.test(text) && countOf(text, '":') === namesIn(value)) return null;
  return repeatedName(text);
}

function countOf(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) count++;
  return count;
}

/** Deeper values are searched by the text alone. */
const MAX_DEPTH = 64;

/** How many names the objects of a value have; NaN = it is nested too deep. */
function namesIn(value: object, depth = 0): number {
  if (depth > MAX_DEPTH) return Number.NaN;
  let count = 0;
  for (const inner of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) count += namesIn(inner, depth + 1);
  }
  return Array.isArray(value) ? count : count + Object.keys(value).length;
}

/** The place of the quote that ends a string. */
function endOfString(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** `\u0069d` is `id` too. */
function nameOf(text: string, from: number, end: number): string {
  const written = text.slice(from + 1, end);
  if (!written.includes('\\')) return written;
  const name: unknown = JSON.parse(text.slice(from, end + 1));
  return typeof name === 'string' ? name : written;
}
