// Owns the choice of a language from Accept-Language (RFC 9110 12.5.4) by lookup (RFC 4647 3.4). Pure.

/** Most characters of a header that are read; phones send fewer than 100. */
const MAX_HEADER = 1_024;
const MAX_RANGES = 32;

/** RFC 4647 2.1 basic language range. Fixed repetition counts: no input makes it slow. */
const RANGE = /^(?:\*|[a-z]{1,8}(?:-[a-z0-9]{1,8}){0,7})$/;
/** RFC 9110 12.4.2 qvalue. */
const QVALUE = /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

interface LanguageRange {
  readonly range: string;
  readonly quality: number;
}

/**
 * The available language that the reader prefers, as spelt in `available`. A range also matches a more specific
 * language (`pt` finds `pt-BR`). When nothing matches, a related language is used (`pt-PT` finds `pt-BR`). Malformed
 * parts of the header are ignored.
 * @param header the field value as received; `null` = no header
 * @param available language tags in the operator's order of preference
 * @param fallback returned when nothing matches, unless the header excludes it (`q=0`) and another language is allowed
 */
export function chooseLanguage(
  header: string | null,
  available: readonly string[],
  fallback: string,
): string {
  const ranges = header === null ? [] : parseRanges(header);
  const refused = ranges.filter(({ quality }) => quality === 0).map(({ range }) => range);
  const accepted = available.filter((tag) => !refused.some((range) => covers(range, tag)));
  // The sort is stable: the header order decides between equal qualities, as clients expect.
  const wanted = ranges.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
  for (const match of [lookup, related]) {
    for (const { range } of wanted) {
      // RFC 4647 3.4: lookup ignores the wildcard; the default serves when no other range matches.
      const found = range === '*' ? undefined : match(range, accepted);
      if (found !== undefined) return found;
    }
  }
  if (refused.some((range) => covers(range, fallback))) return accepted[0] ?? fallback;
  return fallback;
}

function parseRanges(header: string): LanguageRange[] {
  let text = header.toLowerCase();
  // Cut after the last comma: a truncated range could name another language.
  if (text.length > MAX_HEADER) text = text.slice(0, text.lastIndexOf(',', MAX_HEADER - 1) + 1);
  const ranges: LanguageRange[] = [];
  for (const element of text.split(',', MAX_RANGES)) {
    const [range, weight, ...rest] = element.split(';').map((part) => part.trim());
    if (range === undefined || rest.length > 0 || !RANGE.test(range)) continue;
    const quality = weight === undefined ? 1 : parseWeight(weight);
    if (quality !== null) ranges.push({ range, quality });
  }
  return ranges;
}

function parseWeight(weight: string): number | null {
  const value = weight.startsWith('q=') ? weight.slice(2) : '';
  return QVALUE.test(value) ? Number(value) : null;
}

/** RFC 4647 3.4: the range is shortened from its end until a tag equals it; a single letter never ends it. */
function lookup(range: string, available: readonly string[]): string | undefined {
  const subtags = range.split('-');
  while (subtags.length > 0) {
    const wanted = subtags.join('-');
    const equal = available.find((tag) => tag.toLowerCase() === wanted);
    if (equal !== undefined) return equal;
    subtags.pop();
    while (subtags.at(-1)?.length === 1) subtags.pop();
  }
  return available.find((tag) => covers(range, tag));
}

/** A language with the same primary subtag. */
function related(range: string, available: readonly string[]): string | undefined {
  const first = range.split('-', 1)[0] ?? range;
  return available.find((tag) => covers(first, tag));
}

/** RFC 4647 3.3.1 basic filtering: equal, or equal up to a hyphen. */
function covers(range: string, tag: string): boolean {
  const lower = tag.toLowerCase();
  return range !== '*' && (lower === range || lower.startsWith(`${range}-`));
}

/** Languages written from right to left in their usual script. */
const RIGHT_TO_LEFT: ReadonlySet<string> = new Set([
  'ar',
  'ckb',
  'dv',
  'fa',
  'he',
  'ps',
  'sd',
  'ug',
  'ur',
  'yi',
]);

/** The value of the HTML `dir` attribute. */
export function directionOf(language: string): 'ltr' | 'rtl' {
  return RIGHT_TO_LEFT.has(language.toLowerCase().split('-', 1)[0] ?? '') ? 'rtl' : 'ltr';
}
