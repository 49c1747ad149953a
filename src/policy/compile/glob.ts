// Owns text patterns with `*` (any text) and `?` (any one character), matched in time linear in the text.

/** Characters of two UTF-16 units, and those that stand for them while a pattern is matched. */
const WIDE = /[\ud800-\udbff][\udc00-\udfff]|[\ue000-\uf8ff]/g;
const FIRST_WIDE = 0xd800;
const FIRST_STAND_IN = 0xe000;
const OTHER = '\uf8ff';

/** Whether a pattern has a wildcard. */
export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/**
 * Compiles a pattern. A backtracking RegExp would take seconds for `*a*a*a*a*a*b` on a hundred letters of a phone's
 * text. A pattern is a list of pieces between stars; each piece is searched once, from the end of the previous match
 * (the leftmost match is sufficient), without going back in the text.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  return pattern.includes('?') ? withWideCharacters(pattern) : compileUnits(pattern);
}

/**
 * A pattern with `?`, which is one character also where UTF-16 has two units for it. Each wide character of the pattern gets
 * a unit of its own, all others share one: no pattern tells them apart.
 */
function withWideCharacters(pattern: string): (text: string) => boolean {
  const standIns = new Map<string, string>();
  for (const [wide] of pattern.matchAll(WIDE))
    if (!standIns.has(wide)) standIns.set(wide, String.fromCharCode(FIRST_STAND_IN + standIns.size));
  const narrow = (text: string): string => text.replace(WIDE, (wide) => standIns.get(wide) ?? OTHER);
  const matches = compileUnits(narrow(pattern));
  const start = pattern.slice(0, pattern.search(/[*?]/));
  return (text) => text.startsWith(start) && matches(hasWide(text) ? narrow(text) : text);
}

/** Nearly no text has one: a loop finds that out sooner than a regular expression. */
function hasWide(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= FIRST_WIDE) return true;
  return false;
}

function compileUnits(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  const head = pieces[0] ?? '';
  if (pieces.length === 1) return (text) => text.length === head.length && matchesAt(head, text, 0);
  const tail = pieces[pieces.length - 1] ?? '';
  const middle = pieces
    .slice(1, -1)
    .filter((piece) => piece !== '')
    .map(compilePiece);
  const fixed = head.length + tail.length;
  const startsAs = fixedPiece(head);
  const endsAs = fixedPiece(tail);
  return (text) => {
    if (text.length < fixed || !startsAs(text)) return false;
    const end = text.length - tail.length;
    if (!endsAs(text, end)) return false;
    let from = head.length;
    for (const find of middle) {
      from = find(text, from, end);
      if (from === -1) return false;
    }
    return true;
  };
}

/** Compares a piece with the text at a position (default: the start). */
function fixedPiece(piece: string): (text: string, at?: number) => boolean {
  if (piece.includes('?')) return (text, at = 0) => matchesAt(piece, text, at);
  return (text, at = 0) => text.startsWith(piece, at);
}

/** Finds a piece in text[from, end); returns the position after it, or -1. */
type FindPiece = (text: string, from: number, end: number) => number;

function compilePiece(piece: string): FindPiece {
  if (!piece.includes('?')) {
    return (text, from, end) => {
      const at = text.indexOf(piece, from);
      return at === -1 || at + piece.length > end ? -1 : at + piece.length;
    };
  }
  return piece.length <= 32 ? shiftAnd(piece) : longShiftAnd(piece);
}

/** Shift-and search (Baeza-Yates, Gonnet 1992): one bit per position in the piece, one step per character. */
function shiftAnd(piece: string): FindPiece {
  const any = [...piece.split('').keys()].reduce((bits, at) => bits | (piece[at] === '?' ? 1 << at : 0), 0);
  const masks = new Map<number, number>();
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] === '?') continue;
    const code = piece.charCodeAt(at);
    masks.set(code, (masks.get(code) ?? any) | (1 << at));
  }
  const found = 1 << (piece.length - 1);
  return (text, from, end) => {
    let state = 0;
    for (let at = from; at < end; at++) {
      state = ((state << 1) | 1) & (masks.get(text.charCodeAt(at)) ?? any);
      if ((state & found) !== 0) return at + 1;
    }
    return -1;
  };
}

/** Shift-and for pieces longer than a machine word: several words per character, with carry. */
function longShiftAnd(piece: string): FindPiece {
  const words = (piece.length + 31) >> 5;
  const any = new Int32Array(words);
  for (let at = 0; at < piece.length; at++) if (piece[at] === '?') setBit(any, at);
  const masks = new Map<number, Int32Array>();
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] === '?') continue;
    const code = piece.charCodeAt(at);
    const mask = masks.get(code) ?? any.slice();
    setBit(mask, at);
    masks.set(code, mask);
  }
  const found = 1 << ((piece.length - 1) & 31);
  return (text, from, end) => {
    const state = new Int32Array(words);
    for (let at = from; at < end; at++) {
      const mask = masks.get(text.charCodeAt(at)) ?? any;
      let carry = 1;
      for (let word = 0; word < words; word++) {
        const before = state[word] ?? 0;
        state[word] = ((before << 1) | carry) & (mask[word] ?? 0);
        carry = before >>> 31;
      }
      if (((state[words - 1] ?? 0) & found) !== 0) return at + 1;
    }
    return -1;
  };
}

function setBit(bits: Int32Array, at: number): void {
  bits[at >> 5] = (bits[at >> 5] ?? 0) | (1 << (at & 31));
}

function matchesAt(piece: string, text: string, at: number): boolean {
  for (let index = 0; index < piece.length; index++) {
    const wanted = piece.charCodeAt(index);
    if (wanted !== 0x3f && wanted !== text.charCodeAt(at + index)) return false;
  }
  return true;
}
