// Owns string methods as functions, for loops over the records of a whole directory. V8 has several representations of a string: its own text, a part
// of another string, a property name. In code that meets several of them, V8 looks up the method of `text.charCodeAt` at each call, which takes longer than
// the method itself (decisions/0192). These functions name the method directly, so that there is no look-up.

/** `text.charCodeAt(at)`. */
export function codeAt(text: string, at: number): number {
  return String.prototype.charCodeAt.call(text, at);
}

/** `text.indexOf(part, from)`. */
export function placeIn(text: string, part: string, from: number): number {
  return String.prototype.indexOf.call(text, part, from);
}

/** `text.slice(from, end)`. */
export function partOf(text: string, from: number, end: number): string {
  return String.prototype.slice.call(text, from, end);
}
