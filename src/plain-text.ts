// Owns the cleaning and copying of texts from phones: bounded, without invisible characters, independent of the head they were cut from. Pure.

/** C0, C1 and DEL, line separators, and marks that change the text direction in a log or web page. */
const UNSHOWN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/** Characters examined per character kept, so that a long text costs no more than a short one. */
const SLACK = 4;

/** At most `max` UTF-16 units of `text`, without splitting a character; control characters are removed. */
export function plain(text: string, max: number): string {
  const shown = text.slice(0, max * SLACK).replaceAll(UNSHOWN, '');
  const cut = shown.slice(0, max);
  return cut.isWellFormed() ? cut : cut.slice(0, -1).toWellFormed();
}

/** A copy: a substring would keep the whole head or body in memory. */
export function detached<Text extends string>(text: Text): Text {
  return Buffer.from(text, 'utf8').toString('utf8') as Text;
}

/** The same of a text from a head, which is latin1: it costs less. Hot path. */
export function detachedLatin1(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
