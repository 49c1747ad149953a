// Owns the reading of times as exporters of all cultures write them. Pure.
// Day and month of `3/2/2026` change places between cultures. Rule: the whole column decides (date-orders.ts); where it does
// not, the time is unknown. A wrong guess could make a device look fresh that has been away for months.
import { isWeekday, monthOf } from './month-names.ts';
import { names } from './word-lists.ts';
import { OTHER_CALENDAR, plainForm } from './written-times.ts';

/** Which of two numbers in front of a year is the day; `yearFirst`: dates with slashes begin with a year of two digits, and end with the day. */
export type DayOrder = 'dayFirst' | 'monthFirst' | 'yearFirst';

/** How times without an offset are read. */
export interface TimeReading {
  /** The order in this column; null = not known. */
  readonly order: DayOrder | null;
  /** The IANA time zone of times that name none. */
  readonly zone: string;
}

/** A time, `never`, or why it is none. */
export type ReadTime =
  | { readonly at: number }
  | 'never'
  /** It is a date, but either of two. */
  | 'ambiguous'
  | 'unreadable';

const MAX_LENGTH = 80;
/** Words that scripts and portals write in place of a time. */
const NO_TIME: ReadonlySet<string> = new Set(
  names('never nie jamais nunca mai nooit aldrig aldri nikdy soha hiç'),
);

/** The parts of a numeric date whose order the culture decides. */
interface NumericDate {
  readonly first: string;
  readonly second: string;
  readonly separator: string;
  readonly year: number;
  /** What follows the date. */
  readonly rest: string;
}

const NUMERIC = /^(\d{1,2})([./-]) ?(\d{1,2})\2 ?(\d{4}|\d{2})(?!\d)\.?(.*)$/s;

function numericDate(text: string): NumericDate | null {
  const [, first, separator, second, year, rest] = NUMERIC.exec(text) ?? [];
  if (first === undefined || second === undefined || separator === undefined || year === undefined)
    return null;
  // 20-11-26 could begin with the year; 29/05/48 is of another calendar (1448 of Umm al-Qura is 2026).
  if (year.length === 2 && (separator === '-' || Number(year) >= OTHER_CALENDAR)) return null;
  // In the Korean `26. 11. 28.` the year comes first.
  if (year.length === 2 && /^\d\d\. \d{1,2}\. \d\d\./.test(text)) return null;
  return { first, second, separator, year: Number(year.length === 2 ? `20${year}` : year), rest: rest ?? '' };
}

/**
 * The order that one value shows: null = none. A number beyond 12 is a day. A one-digit number in front of a
 * two-digit one with a zero is `d/MM/yyyy` (en-AU, en-NZ); no culture of .NET or ICU has `M/dd/yyyy`.
 */
export function orderIn(written: string): DayOrder | null {
  const text = plainForm(written.slice(0, MAX_LENGTH));
  if (SHORT_DAY_LAST.test(text)) return 'yearFirst';
  const date = numericDate(text);
  if (date === null || isNever(date.year) || date.separator === '.') return null;
  const [first, second] = [Number(date.first), Number(date.second)];
  if (first > 12 && second <= 12) return 'dayFirst';
  if (second > 12 && first <= 12) return 'monthFirst';
  return date.first.length === 1 && /^0\d$/.test(date.second) ? 'dayFirst' : null;
}

/**
 * `26/1/5`: no year has one digit, so it is the day. Basque and Yakut write so, and `20/11/26` for a day of 2020, which other cultures write for one
 * of 2026.
 */
const SHORT_DAY_LAST = /^\d\d\/\d{1,2}\/\d(?!\d)/;
const SHORT_YEAR_FIRST = /^(\d\d)\/(\d{1,2})\/(\d{1,2})(?!\d)(.*)$/s;

/** The beginning of a numeric date; a weekday or a time may come first. */
const MAY_BE_NUMERIC = /^\s*["'=]{0,3}(?:\p{L}{2,14}\.?,?\s|\d{1,2}:[\d:]{2,5},?\s)?\d{1,2}[/-]/u;

/** Whether the order of the column is needed to read the value. */
export function needsOrder(written: unknown): boolean {
  if (typeof written !== 'string' || written.length > MAX_LENGTH || !MAY_BE_NUMERIC.test(written))
    return false;
  const date = numericDate(plainForm(written.replace(/^[\s"'=]+/, '')));
  return date !== null && !isNever(date.year) && Number(date.first) !== Number(date.second);
}

/** Years that mean "no time": the first ones of .NET, Active Directory, SQL Server and Excel, and the last one of .NET. */
const NEVER: ReadonlySet<number> = new Set([0, 1, 1601, 1753, 1899, 1900, 9999]);

/** Other years that are as far away belong to another calendar: they are not understood. */
function isNever(year: number): boolean {
  return NEVER.has(year);
}

/** What interfaces write: of a day that each month has, and in years that each reading takes as they are. */
const PLAIN_ISO =
  /^(?:199\d|2[01]\d\d)-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?Z$/;

/**
 * Reads a time: ISO 8601, .NET and ICU cultures, RFC 5322, `/Date(ms)/` of ConvertTo-Json and old ASP.NET, and seconds,
 * milliseconds, microseconds or nanoseconds since the epoch.
 */
export function readTime(written: string, { order, zone }: TimeReading): ReadTime {
  if (PLAIN_ISO.test(written)) return { at: Date.parse(written) };
  const text = plainForm(written.slice(0, MAX_LENGTH + 1));
  if (text.length > MAX_LENGTH) return 'unreadable';
  if (text === '' || NO_TIME.has(text.toLowerCase())) return 'never';
  return (
    readEpoch(text, zone) ??
    readYearFirst(text, zone) ??
    (order === 'yearFirst' ? readShortYearFirst(text, zone) : null) ??
    readNumeric(text, order === 'yearFirst' ? null : order, zone) ??
    readBasic(text, zone) ??
    readWithMonthName(text, zone) ??
    'unreadable'
  );
}

const EARLIEST = Date.UTC(1990, 0, 1);
const LATEST = Date.UTC(2200, 0, 1);

function readEpoch(text: string, zone: string): ReadTime | null {
  const [, ticks] = /^\\?\/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?\/$/.exec(text) ?? [];
  if (ticks !== undefined) {
    const at = Number(ticks);
    if (at < EARLIEST || isNever(new Date(at).getUTCFullYear())) return 'never';
    return at > LATEST ? 'unreadable' : { at };
  }
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) return null;
  const [whole = '', fraction] = text.split('.');
  if (/^-?0*$/.test(whole)) return 'never';
  if (fraction === undefined && DATE_DIGITS.has(whole.length) && !EPOCH_AS_LONG.test(whole)) return null;
  if (fraction !== undefined && whole.length === SHEET_DIGITS) return readSheetDay(Number(text), zone);
  const scale = { 9: 1e3, 10: 1e3, 12: 1, 13: 1, 16: 1e-3, 18: 1e-4, 19: 1e-6 }[whole.length];
  const since = whole.length === TICK_DIGITS ? startOfTicks(whole) : 0;
  const at = scale === undefined ? Number.NaN : Math.round(Number(text) * scale) + since;
  return at >= EARLIEST && at <= LATEST ? { at } : 'unreadable';
}

/** `20261120`, `202611200602` and `20261120060210` are dates. */
const DATE_DIGITS: ReadonlySet<number> = new Set([8, 12, 14]);
/** Milliseconds since the epoch of the years 1979 to 2001: as many digits as a date with hour and minute, but no year begins so. */
const EPOCH_AS_LONG = /^[3-9]\d{11}$/;
const TICK_DIGITS = 18;

const SHEET_DIGITS = 5;
/** 1970-01-01 as spreadsheets count days. */
const SHEET_EPOCH = 25_569;
/** 2100-01-01. */
const LAST_SHEET_DAY = 73_051;

/**
 * `46346.2515`, which a spreadsheet made of a time: days since 1899-12-30. Old workbooks of the Macintosh count from 1904: their times
 * are read as four years older than they are, never as fresher. A whole number may be a count of something else.
 */
function readSheetDay(days: number, zone: string): ReadTime {
  if (days > LAST_SHEET_DAY) return 'unreadable';
  const wall = new Date(Math.round((days - SHEET_EPOCH) * 86_400) * 1_000);
  const rest = wall.toISOString().slice(11, 19);
  return moment(wall.getUTCFullYear(), wall.getUTCMonth() + 1, wall.getUTCDate(), rest, zone);
}

/** Ticks of 100 ns count from 1601 in Windows and Active Directory (FILETIME), from the year 1 in .NET. */
function startOfTicks(ticks: string): number {
  return ticks.startsWith('1') ? Date.UTC(1601, 0, 1) : -62_135_596_800_000;
}

const YEAR_FIRST = /^(\d{4})([./-]) ?(\d{1,2})\2 ?(\d{1,2})(?!\d)\.?(.*)$/s;

function readYearFirst(text: string, zone: string): ReadTime | null {
  const [, year, , month, day, rest = ''] = YEAR_FIRST.exec(text) ?? [];
  return year === undefined ? null : moment(Number(year), Number(month), Number(day), rest, zone);
}

function readShortYearFirst(text: string, zone: string): ReadTime | null {
  const [, year, month, day, rest = ''] = SHORT_YEAR_FIRST.exec(text) ?? [];
  return year === undefined ? null : moment(Number(`20${year}`), Number(month), Number(day), rest, zone);
}

function readNumeric(text: string, order: DayOrder | null, zone: string): ReadTime | null {
  const date = numericDate(text);
  if (date === null) return null;
  if (isNever(date.year)) return 'never';
  const [first, second] = [Number(date.first), Number(date.second)];
  const own = orderIn(text);
  // No culture writes the month first in front of dots.
  const counted = date.separator === '.' || first === second ? 'dayFirst' : order;
  if (counted === null)
    return own === null
      ? 'ambiguous'
      : moment(date.year, ...dayAndMonth(first, second, own), date.rest, zone);
  return moment(date.year, ...dayAndMonth(first, second, counted), date.rest, zone);
}

function dayAndMonth(first: number, second: number, order: DayOrder): [month: number, day: number] {
  return order === 'dayFirst' ? [second, first] : [first, second];
}

/**
 * ISO 8601 without separators, `20261120T060210Z`; the generalized time of LDAP (RFC 4517 3.3.13), `20261120060210.0Z`; and without a zone, as
 * databases write it, `20261120060210`.
 */
const BASIC =
  /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(?:(\d{2})(?:[.,]\d{1,12})?)?(Z|[+-]\d{2}:?\d{2})?|(\d{2})(\d{2})(?:(\d{2})(?:[.,]\d{1,12})?(Z|[+-]\d{4})?)?)?$/;

function readBasic(text: string, zone: string): ReadTime | null {
  const found = BASIC.exec(text);
  if (found === null) return null;
  const [, year, month, day] = found;
  const clock =
    found[4] === undefined ? found.slice(8, 12) : [found[4], found[5], found[6] ?? '00', found[7]];
  const [hour, minute, second, offset = ''] = clock;
  const rest = hour === undefined ? '' : `${hour}:${minute}:${second ?? '00'}${offset}`;
  return moment(Number(year), Number(month), Number(day), rest, zone);
}

const MONTH = String.raw`(?<month>\p{L}{3,12})\.?`;
const WEEKDAY = String.raw`(?:(?<weekday>[\p{L}-]{2,16})\.?,? (?:den )?)?`;
const YEAR = String.raw`(?<year>\d{4})(?!\d)`;
const WITH_MONTH_NAME = [
  // `Fri, 20 Nov 2026 …`, `20-Nov-2026 …`, `20. November 2026 …`, `20 de noviembre de 2026 …`, `1er août 2026 …`.
  `^${WEEKDAY}(?<day>\\d{1,2})(?:er|\\.)?(?:[ -]| de )${MONTH},?(?:[ -]| de )${YEAR},?(?<rest>.*)$`,
  // `Friday, November 20, 2026 …`, `Nov 20 2026 …`.
  `^${WEEKDAY}${MONTH} (?<day>\\d{1,2}),? ${YEAR},?(?<rest>.*)$`,
  // `2026. november 20. …`.
  `^${YEAR}\\.? ${MONTH} (?<day>\\d{1,2})\\.?(?!\\d),?(?<rest>.*)$`,
  // `Fri Nov 20 06:02:10 UTC 2026` of Java and Unix.
  `^${WEEKDAY}${MONTH} (?<day>\\d{1,2}) (?<rest>\\d{2}:\\d{2}:\\d{2}(?: (?:UTC|GMT|Z|[+-]\\d{4}))?) ${YEAR}$`,
].map((form) => new RegExp(form, 'su'));

function readWithMonthName(text: string, zone: string): ReadTime | null {
  for (const form of WITH_MONTH_NAME) {
    const { weekday, year, month = '', day, rest = '' } = form.exec(text)?.groups ?? {};
    // With any other word, as in `Until 20 November 2026`, the date is not the time of the event.
    if (weekday !== undefined && !isWeekday(weekday)) continue;
    if (year !== undefined)
      return moment(Number(year), monthOf(month), Number(day), withoutWeekday(rest), zone);
  }
  return null;
}

/** Hungarian and Turkish write the weekday after the date. */
function withoutWeekday(rest: string): string {
  const [whole = '', name = ''] = /^,? (\p{L}{2,14})(?= |$)/u.exec(rest) ?? [];
  return isWeekday(name) ? rest.slice(whole.length) : rest;
}

/**
 * A time of day behind a date, with AM and PM of several languages on either side, and an offset, which PostgreSQL writes without minutes. Go, Java and
 * browsers put the name of a zone behind it.
 */
const CLOCK =
  /^(?:[T,]? ?(?:(?:at|um|à|às|om|o|u|v|в|о|la|ob|στις|pukul|klo|kell|alle ore|alle|a las) |kl\.? ?)?)(?:([^\d\s]{1,8}(?: [^\d\s]{1,3})?) ?)?(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,12}))?)?(?: ?(?!Z|UTC|GMT)([^\d\s+([-][^\d+]{0,7}?))?(?: ?(Z|UTC|GMT|(?:GMT|UTC)?[+-]\d{2}(?::?\d{2})?|(?:GMT|UTC)[+-]\d)(?: ([A-Z]{2,5}))?)?(?: \(.{0,30}\)|\[.{0,40}\])?$/i;
const AFTERNOON = new Set(names('pm 下午 午後 오후 μμ م ch nachm em du odp мп'));
const MORNING = new Set(names('am 上午 午前 오전 πμ ص sa vorm fm de dop дп'));

interface Clock {
  readonly ms: number;
  /** Minutes ahead of UTC; null = not said. */
  readonly offset: number | null;
}

function clockIn(rest: string): Clock | null {
  // Bulgarian and Ukrainian write `г.` and `р.` (year) after a date.
  const text = rest
    .replace(/^ ?[гр]\.?,?/u, '')
    .replace(/ Uhr$/, '')
    .trim();
  if (text === '') return { ms: 0, offset: null };
  if (/^(?:Z|UTC|GMT)$/i.test(text)) return { ms: 0, offset: 0 };
  const [whole, before, hour, minute, second = '0', fraction = '', after, offset, name] =
    CLOCK.exec(text) ?? [];
  // AM or PM behind the offset is no name of a zone.
  if (whole === undefined || (name !== undefined && halfOfDay(name) !== undefined)) return null;
  const half = halfOfDay(before ?? after);
  // There are words before and after the time of day, and they do not mean the same half of the day.
  if (before !== undefined && after !== undefined && halfOfDay(after) !== half) return null;
  const hours = hourOf(Number(hour), half);
  if (half === undefined || hours === null || Number(minute) > 59 || Number(second) > 60) return null;
  // A leap second is the last second of its minute.
  const seconds = Math.min(Number(second), 59);
  const ms = Number(`${fraction}000`.slice(0, 3));
  return { ms: ((hours * 60 + Number(minute)) * 60 + seconds) * 1_000 + ms, offset: offsetOf(offset) };
}

/** null = no word; undefined = an unknown word. */
function halfOfDay(word: string | undefined): 'am' | 'pm' | null | undefined {
  if (word === undefined) return null;
  const bare = word.toLowerCase().replaceAll(/[. ]/g, '');
  if (AFTERNOON.has(bare)) return 'pm';
  return MORNING.has(bare) ? 'am' : undefined;
}

function hourOf(hour: number, half: 'am' | 'pm' | null | undefined): number | null {
  if (half === null || half === undefined) return hour > 23 ? null : hour;
  // Some cultures write 13:05 and PM.
  if (hour > 12) return half === 'pm' && hour < 24 ? hour : null;
  if (hour === 0) return half === 'am' ? 0 : null;
  return (hour % 12) + (half === 'pm' ? 12 : 0);
}

function offsetOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const [, sign, hours, minutes = '0'] = /^(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?$/i.exec(text) ?? [];
  if (sign === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

const DAY = 86_400_000;

/** Years of the Buddhist calendar, which Thai cultures write, are 543 ahead. */
const BUDDHIST = { from: 2533, to: 2700, ahead: 543 } as const;

function moment(written: number, month: number, day: number, rest: string, zone: string): ReadTime {
  if (isNever(written)) return 'never';
  const year = written >= BUDDHIST.from && written <= BUDDHIST.to ? written - BUDDHIST.ahead : written;
  // 1970-01-01 is a zero that somebody formatted.
  if (year === 1970 && month === 1 && day === 1) return 'never';
  const clock = clockIn(rest);
  const midnight = Date.UTC(year, month - 1, day);
  const date = new Date(midnight);
  if (clock === null || month < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)
    return 'unreadable';
  if (midnight < EARLIEST || midnight > LATEST) return 'unreadable';
  const offset = clock.offset ?? (zone === 'UTC' ? 0 : null);
  if (offset !== null) {
    return Math.abs(offset * 60_000) > DAY ? 'unreadable' : { at: midnight + clock.ms - offset * 60_000 };
  }
  return { at: inZone(midnight + clock.ms, zone) };
}

/** A wall clock's time in a zone. Of an hour that comes twice in autumn, the first: the time is no fresher than it was. */
function inZone(wall: number, zone: string): number {
  const plain = Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime();
  return plain.toZonedDateTime(zone, { disambiguation: 'earlier' }).epochMilliseconds;
}

/** Whether a time zone is known to this machine. */
export function isTimeZone(zone: string): boolean {
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone).epochMilliseconds === 0;
  } catch {
    return false;
  }
}

/** A time as records have it. */
export function isoTime(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
