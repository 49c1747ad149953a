// Owns the spelling in which texts of policies and facts are compared: without case.

/**
 * A text without regard to case. Lower case alone would keep two letters apart that differ by their place only: a Greek
 * sigma at the end of a word is ς, elsewhere σ, so that `ΟΔΟΣ*` would not match `ΟΔΟΣΑ`.
 */
export function foldCase(text: string): string {
  const lower = text.toLowerCase();
  return lower.includes('ς') ? lower.replaceAll('ς', 'σ') : lower;
}
