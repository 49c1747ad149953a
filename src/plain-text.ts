// Owns texts of phones that go into answers or records: bounded, without what a reader could not show. Pure.

/** C0, C1 and DEL, line separators, and the marks that turn the direction of text around in a log or a web page. */
const UNSHOWN = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
/** Looked at per character that is kept, so that a long text costs no more than a short one. */
const SLACK = 4;

/** At most `max` UTF-16 units of `text`, never half a character; control characters are removed. */
export function plain(text: string, max: number): string {
  const shown = text.slice(0, max * SLACK).replaceAll(UNSHOWN, '');
  const cut = shown.slice(0, max);
  return cut.isWellFormed() ? cut : cut.slice(0, -1).toWellFormed();
}

/** A copy: a part of a head or body would keep the whole of it in memory as long as it is remembered. */
export function detached<Text extends string>(text: Text): Text {
  return Buffer.from(text, 'utf8').toString('utf8') as Text;
}
