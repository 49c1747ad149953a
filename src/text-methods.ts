// Owns methods of texts as functions, for loops over the texts of a whole directory. V8 keeps texts in several forms: by themselves, as a part
// of another one, as the name of a property. Where several forms come by, it looks up `text.charCodeAt` in each call, which takes longer than the
// call (decisions/0192). What is called here is always the same.

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
