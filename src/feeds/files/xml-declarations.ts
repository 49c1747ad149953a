// Owns the search for `<!` in XML that comes in pieces, where it begins nothing that exports have. Pure.
// Threat: the parser (sax) looks at all of an unknown declaration again with each of its letters, so that one without an end takes it hours.

const BEGIN = '<!';
/** Comments, CDATA sections, document types. */
const KNOWN = ['<!--', '<![CDATA[', '<!DOCTYPE'];
const LONGEST = Math.max(...KNOWN.map((known) => known.length));

/** Looks through the pieces of one text. */
export class XmlDeclarations {
  /** The end of the pieces so far, which may be the beginning of a declaration. */
  private open = '';

  /** Whether the text has an unknown declaration, as far as the pieces show it. */
  isUnknownIn(piece: string): boolean {
    const text = this.open + piece;
    this.open = text.endsWith('<') ? '<' : '';
    for (let at = text.indexOf(BEGIN); at !== -1; at = text.indexOf(BEGIN, at + BEGIN.length)) {
      const beginning = text.slice(at, at + LONGEST);
      if (KNOWN.some((known) => beginning.startsWith(known))) continue;
      if (!KNOWN.some((known) => known.startsWith(beginning))) return true;
      // It goes on in the next piece.
      this.open = beginning;
    }
    return false;
  }
}
