// Owns times as operators write and read them: durations and ISO dates as input, ISO as output.
import { ProgramError } from '../errors/program-errors.ts';
import { parseLength, parseTime } from '../policy/document/times.ts';

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
/** A duration with one or more units: `7d`, `1w`, `1d12h`. */
const LENGTH = /^(?:[1-9]\d{0,5}[smhdw]){1,5}$/;
/** Furthest time of a Date (ECMA-262 21.4.1.1). */
const MAX_TIME = 8.64e15;
const ISO_TIME = /^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Names of fields that hold milliseconds since the epoch. */
const TIME_FIELD = /^(?:at|since|agentChanges)$|(?:At|Since|Seen|Allowed|CheckIn|Until)$/;

/** Milliseconds of a length such as `30m`, `12h`, `7d`, `1w`; null = it is none, or a typing error such as 0d or 1999999d. */
function lengthOf(text: string): number | null {
  return LENGTH.test(text) ? parseLength(text) : null;
}

/** A future time: a duration from now, or a date. @throws ProgramError */
export function parseMomentToCome(text: string, option: string, now = Date.now()): number {
  const length = lengthOf(text);
  const at = length === null ? parseTime(text) : now + length;
  if (at === null)
    throw new ProgramError(
      'EASGATE_EXPIRY',
      `${option} ${text}: write a duration (30m, 12h, 7d, 1w) or a date (2026-12-31, 2026-12-31T18:00Z)`,
    );
  if (at <= now)
    throw new ProgramError('EASGATE_EXPIRY', `${option} ${text}: this time is in the past (${isoTime(at)})`);
  return at;
}

/** A future time as the API takes it: an ISO time alone; null = none. @throws ProgramError */
export function parseIsoMomentToCome(text: string | null, now: number): number | null {
  if (text === null) return null;
  const at = Date.parse(text);
  if (!/^\d{4}-\d{2}-\d{2}T/.test(text) || !Number.isFinite(at) || at <= now)
    throw new ProgramError('EASGATE_EXPIRY', 'expiresAt is not an ISO time in the future');
  return at;
}

/** A past time: a duration before now, or a date. @throws ProgramError */
export function parseMomentPast(text: string, option: string, now = Date.now()): number {
  const length = lengthOf(text);
  const at = length === null ? parseTime(text) : now - length;
  if (at === null)
    throw new ProgramError(
      'EASGATE_TIME',
      `${option} ${text}: write a duration (30m, 12h, 7d, 1w) or a date (2026-11-30, 2026-11-30T18:00Z)`,
    );
  return at;
}

/** The distance of a time from now, in its largest unit: `3d ago`, `in 12h`, `now`. */
export function relativeTime(at: number, now = Date.now()): string {
  const distance = Math.abs(at - now);
  const unit = Object.entries(UNITS).findLast(([, length]) => distance >= length);
  if (unit === undefined) return 'now';
  const [name, length] = unit;
  const text = `${Math.floor(distance / length)}${name}`;
  return at < now ? `${text} ago` : `in ${text}`;
}

/** A time in ISO form, to the second; null stays null. */
export function isoTime(at: number): string;
export function isoTime(at: number | null): string | null;
export function isoTime(at: number | null): string | null {
  return exactIsoTime(at)?.replace(/\.\d{3}Z$/, 'Z') ?? null;
}

/** A time in ISO form, to the millisecond, as documents have it; null stays null. */
export function exactIsoTime(at: number): string;
export function exactIsoTime(at: number | null): string | null;
export function exactIsoTime(at: number | null): string | null {
  if (at === null) return null;
  return Math.abs(at) <= MAX_TIME ? new Date(at).toISOString() : String(at);
}

/** A copy of a document in which every time is an ISO text, to the millisecond. */
export function withIsoTimes(document: unknown, name = ''): unknown {
  if (typeof document === 'number' && TIME_FIELD.test(name))
    return Math.abs(document) <= MAX_TIME ? new Date(document).toISOString() : null;
  if (Array.isArray(document)) return document.map((entry) => withIsoTimes(entry, name));
  if (typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(Object.entries(document).map(([key, value]) => [key, withIsoTimes(value, key)]));
}

/** Names that {@link TIME_FIELD} matches. */
type TimeField =
  | 'at'
  | 'since'
  | 'agentChanges'
  | `${string}${'At' | 'Since' | 'Seen' | 'Allowed' | 'CheckIn' | 'Until'}`;

/** A document as {@link fromIsoTimes} returns it. A field of any name and type, which a document may have besides, is absent. */
export type FromIsoTimes<T, Name = ''> = T extends string
  ? Name extends TimeField
    ? number
    : T
  : T extends readonly (infer Entry)[]
    ? readonly FromIsoTimes<Entry, Name>[]
    : T extends object
      ? {
          readonly [Key in keyof T as IsOpen<T, Key> extends true ? never : Key]: FromIsoTimes<T[Key], Key>;
        }
      : T;

type IsOpen<T, Key extends keyof T> = string extends Key ? (unknown extends T[Key] ? true : false) : false;

/** The inverse of {@link withIsoTimes}. */
export function fromIsoTimes(document: unknown, name = ''): unknown {
  if (typeof document === 'string' && TIME_FIELD.test(name) && ISO_TIME.test(document))
    return Date.parse(document);
  if (Array.isArray(document)) return document.map((entry) => fromIsoTimes(entry, name));
  if (typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(Object.entries(document).map(([key, value]) => [key, fromIsoTimes(value, key)]));
}

/** Characters that JSON may hold as they are, and that change what a terminal shows: C1 controls, format characters, separators. */
const UNSHOWN = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu;

/** JSON in which every control character is escaped, since phones and feeds choose the texts in it. Absent texts stay absent. */
export function safeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replaceAll(UNSHOWN, (sign) =>
    Array.from({ length: sign.length }, (_, at) => escaped(sign.charCodeAt(at))).join(''),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** The output of `--json`. */
export function jsonText(document: unknown): string {
  return `${safeJson(withIsoTimes(document), 2)}\n`;
}

/** Likewise, with a list as its last field, in parts: as one text, the rows of a large directory are longer than a text can be. */
export function* jsonParts(head: object | null, name: string, rows: Iterable<unknown>): Generator<string> {
  const [opening, closing, margin] =
    head === null
      ? ['[', ']\n', '  ']
      : [safeJson(withIsoTimes({ ...head, [name]: [] }), 2).slice(0, -END_LENGTH), '  ]\n}\n', '    '];
  let [text, isEmpty] = [opening, true];
  for (const row of rows) {
    text += `${isEmpty ? '' : ','}\n${margin}${safeJson(withIsoTimes(row), 2).replaceAll('\n', `\n${margin}`)}`;
    isEmpty = false;
    if (text.length < PART) continue;
    yield text;
    text = '';
  }
  yield text + (isEmpty ? closing.trimStart() : `\n${closing}`);
}

/** Of `]` and `}`, on two lines, at the end of a document. */
const END_LENGTH = 3;
/** Characters that are written at once. */
const PART = 65_536;
