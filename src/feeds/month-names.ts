// Owns the names of months and weekdays in the languages of exporters. Pure.
// Rule: a name that means different months in different languages is not read: `listopad` is November in Polish and October in Croatian.
import { names } from './word-lists.ts';

/** Languages whose names are read. A name of one can make that of another ambiguous. */
const LANGUAGES = names(`
  en en-GB de de-AT fr fr-CA es es-MX it nl pt pt-PT pl sv da nb fi cs sk hu tr ru uk bg hr sl sr-Latn bs mk ro el et lv lt
  is ca eu gl sq az be id ms vi
`);
/** Within a date a month may have another case than alone, and a short name may have a point. */
const FORMS: readonly Intl.DateTimeFormatOptions[] = [
  { month: 'long' },
  { month: 'short' },
  { month: 'long', day: 'numeric' },
  { month: 'short', day: 'numeric' },
];
const SHORTEST = 3;

let known: ReadonlyMap<string, number> | null = null;

/** The number of a month, from 1, by its name, full or short; 0 = none for certain. */
export function monthOf(name: string): number {
  known ??= monthNames();
  return known.get(spelled(name)) ?? 0;
}

function monthNames(): Map<string, number> {
  const months = new Map<string, number>();
  for (const language of LANGUAGES)
    for (const form of FORMS) {
      const format = new Intl.DateTimeFormat(language, { ...form, timeZone: 'UTC' });
      for (let month = 1; month <= 12; month++) {
        const parts = format.formatToParts(Date.UTC(2026, month - 1, 2));
        const name = spelled(parts.find(({ type }) => type === 'month')?.value ?? '');
        if (name.length < SHORTEST || /\d/.test(name)) continue;
        const other = months.get(name) ?? month;
        months.set(name, other === month ? month : 0);
      }
    }
  return months;
}

let weekdays: ReadonlySet<string> | null = null;

/** Whether a word is the name of a weekday, full or short, in a language of {@link LANGUAGES}. */
export function isWeekday(name: string): boolean {
  weekdays ??= weekdayNames();
  const known = weekdays;
  return name.split('-').every((word) => known.has(spelled(word)));
}

function weekdayNames(): Set<string> {
  const found = new Set<string>();
  for (const language of LANGUAGES)
    for (const weekday of ['long', 'short'] as const) {
      const format = new Intl.DateTimeFormat(language, { weekday, timeZone: 'UTC' });
      // In some languages the name has two words: `thứ sáu`, `sexta-feira`.
      for (let day = 1; day <= 7; day++)
        for (const word of format.format(Date.UTC(2026, 10, day)).split(/[ -]/)) found.add(spelled(word));
    }
  return found;
}

function spelled(name: string): string {
  return name.normalize('NFC').toLowerCase().replaceAll('.', '').trim();
}
