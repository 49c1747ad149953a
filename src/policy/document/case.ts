// Owns the spelling in which texts of policies and facts are compared: without case, accents composed.

/** The first accent that is a character of its own. Texts below it have no other spelling (UAX #15, NFC_Quick_Check). */
const FIRST_ACCENT = 0x300;

/**
 * A text without regard to case. Lower case alone would keep two letters apart that differ by their place only: a Greek
 * sigma at the end of a word is ς, elsewhere σ, so that `ΟΔΟΣ*` would not match `ΟΔΟΣΑ`. Nor does it join `ü` and `u` with
 * an accent behind it, which look alike: macOS writes one, directories the other.
 */
export function foldCase(text: string): string {
  const lower = text.toLowerCase();
  return isPlain(lower) ? lower : lower.normalize('NFC').replaceAll('ς', 'σ');
}

/** Nearly all texts are: a loop finds that out sooner than a normalization. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= FIRST_ACCENT) return false;
  return true;
}
