// Owns the rewriting of dates and times of day that only one language or program writes into the forms that times.ts reads. Pure.
// Rule: a word before a date is removed only if it is the name of a weekday. `before 28/11/2026` must stay unreadable: it is not that day.
import { isWeekday } from './month-names.ts';

/** Two-digit years from this one on are not years of this century; they may be of another calendar. */
export const OTHER_CALENDAR = 40;

type Form = readonly [form: RegExp, to: string | ((...groups: string[]) => string)];

const pad = (digits: string | undefined): string => (digits ?? '').padStart(2, '0');
const clock = (_whole: string, hour = '', minute = '', second?: string): string =>
  `${hour}:${pad(minute)}:${pad(second)} `;

const FORMS: readonly Form[] = [
  // English: `20th November 2026`, `November 20th, 2026`.
  [/(?<=^|[\p{L},] )(\d{1,2})(?:st|nd|rd|th)(?=[ ,])/iu, '$1'],
  // `2026-Nov-20`.
  [/^(\d{4})([-/])(\p{L}{3,12})\2(\d{1,2})(?!\d)/u, '$4 $3 $1'],
  // Spreadsheets of languages with a decimal comma: a number of days.
  [/^(\d{5}),(\d{1,12})$/, '$1.$2'],
  // Chinese, Japanese and Korean; a weekday may follow the date.
  [/^ ?(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]/, '$1-$2-$3 '],
  [/(?<=\d) {0,2}(?:[(（][日月火水木金土一二三四五六일월화수목금토][)）]|(?:星期|[周週])[一二三四五六日天]|[日月火水木金土]曜日|[일월화수목금토]요일)/, ' '], // prettier-ignore
  [/(\d{1,2}) ?[时時點点시] ?(\d{1,2}) ?[分분](?: ?(\d{1,2}) ?[秒초])?/, clock],
  // Korean, if a Korean word follows: in other languages the day comes first.
  [/^(\d\d)\. (\d{1,2})\. (\d{1,2})\. ?(?=오[전후])/, '20$1-$2-$3 '],
  // French: `06h07`, in Canada `06 h 07 min 08 s`.
  [/(?<=[ ,T])(\d{1,2}) ?h ?(\d{2})(?:(?: ?min)? ?(\d{2}) ?s)?(?: ?min)?$/, clock],
  // Bulgarian: ч. (hour) after a time; г. (year) is removed in times.ts.
  [/ ч\.?$/, ''],
  // Portals: `28/11/2026 - 06:07`.
  [/^(\S+) - (?=\d{1,2}[:.]\d{2})/, '$1 '],
  // Vietnamese browsers: the time comes first.
  [/^(\d{1,2}:\d{2}(?::\d{2})?),? (\d{1,2}[./-]\d{1,2}[./-]\d{4})$/, '$2 $1'],
  // DB2: `2026-11-28-06.07.08`.
  [/^(\d{4}-\d{2}-\d{2})-(\d{2})\.(\d{2})\.(\d{2})(?!\d)/, '$1 $2:$3:$4'],
  // SAP and MySQL: `20261128 06:07:08`.
  [/^(\d{4})(\d{2})(\d{2}) (?=\d{1,2}:)/, '$1-$2-$3 '],
  // Logs of Apache, and SAS: `28/Nov/2026:06:07:08 +0000`, `28NOV2026:06:07:08`.
  [/^(\d{1,2})([/-]?)(\p{L}{3,12})\2(\d{4})(?::(?=\d{2}:)|(?![\p{L}\d]))/u, '$1 $3 $4 '],
  // Oracle, and spreadsheets: `28-NOV-26`. No known program writes the year before the name of a month.
  [/^(\d{1,2})-(\p{L}{3,12}\.?)-([0-3]\d)(?![\d:.])/u, '$1 $2 20$3'],
];

const WEEKDAY_IN_FRONT = /^(\p{L}{2,14})\.?,? (?=\d{1,4}[./-] ?\d)/u;

/** Most dates have only numbers, in forms that times.ts reads: nothing is rewritten. */
const NUMBERS_ALONE =
  /^\d{1,4}([./-])\d{1,2}\1\d{1,4}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,12})?)?(?: ?[AP]M|Z)?)?$/;

const DIGIT = /[\d\u0660-\u0669\u06f0-\u06f9]/;

/** Rewrites a date into a form that times.ts reads; other texts only get plain spaces and digits. */
export function plainForm(written: string): string {
  if (NUMBERS_ALONE.test(written)) return written;
  if (!DIGIT.test(written)) return written.trim();
  // ICU writes a narrow no-break space (U+202F) before AM and PM; right-to-left languages have direction marks around dates.
  let text = written
    .replaceAll(/[\u200e\u200f\u061c]/g, '')
    .replaceAll(/[\s\u00a0\u202f\u2009]+/g, ' ')
    .replaceAll(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 0x0f))
    .trim();
  const weekday = WEEKDAY_IN_FRONT.exec(text);
  if (weekday !== null && isWeekday(weekday[1] ?? '')) text = text.slice(weekday[0].length);
  for (const [form, to] of FORMS)
    text = typeof to === 'string' ? text.replace(form, to) : text.replace(form, to);
  return text.trim();
}
