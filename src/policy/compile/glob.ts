// Owns text patterns with `*` (any text) and `?` (any one character), matched in time linear in the text.

/** Whether a pattern has a wildcard. */
export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/**
 * Compiles a pattern. No RegExp: one that backtracks takes seconds for `*a*a*a*a*a*b` on a hundred letters, and the text
 * comes from the phone. A pattern is a list of pieces between its stars; each piece is searched once, from where the one
 * before ended (the leftmost place is always good enough), by a search that never looks back over the text.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  const head = pieces[0] ?? '';
  if (pieces.length === 1) return (text) => text.length === head.length && matchesAt(head, text, 0);
  const tail = pieces[pieces.length - 1] ?? '';
  const middle = pieces
    .slice(1, -1)
    .filter((piece) => piece !== '')
    .map(compilePiece);
  const fixed = head.length + tail.length;
  return (text) => {
    if (text.length < fixed || !matchesAt(head, text, 0)) return false;
    const end = text.length - tail.length;
    if (!matchesAt(tail, text, end)) return false;
    let from = head.length;
    for (const find of middle) {
      from = find(text, from, end);
      if (from === -1) return false;
    }
    return true;
  };
}

/** Finds a piece in text[from, end); returns the place behind it, or -1. */
type FindPiece = (text: string, from: number, end: number) => number;

function compilePiece(piece: string): FindPiece {
  if (!piece.includes('?')) {
    return (text, from, end) => {
      const at = text.indexOf(piece, from);
      return at === -1 || at + piece.length > end ? -1 : at + piece.length;
    };
  }
  return piece.length <= 31 ? shiftAnd(piece) : search(piece);
}

/** The shift-and search (Baeza-Yates, Gonnet 1992): one bit for each place in the piece, one step for each character. */
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

/** The plain search, for long pieces with `?`: its cost is bounded by the longest pattern, which the schema bounds. */
function search(piece: string): FindPiece {
  return (text, from, end) => {
    for (let at = from; at + piece.length <= end; at++)
      if (matchesAt(piece, text, at)) return at + piece.length;
    return -1;
  };
}

function matchesAt(piece: string, text: string, at: number): boolean {
  for (let index = 0; index < piece.length; index++) {
    const wanted = piece.charCodeAt(index);
    if (wanted !== 0x3f && wanted !== text.charCodeAt(at + index)) return false;
  }
  return true;
}
