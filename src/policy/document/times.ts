// Owns times and durations in policies and facts.

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const LENGTH = /^(?:[0-9]{1,9}[smhdw]){1,5}$/;
const LENGTH_PART = /([0-9]+)([smhdw])/g;
const TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?$/;

/** Milliseconds of `90s`, `10m`, `72h`, `30d`, `2w` or `1d12h`; null = invalid. */
export function parseLength(text: string): number | null {
  if (text.length > 50 || !LENGTH.test(text)) return null;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(LENGTH_PART)) sum += Number(count) * (UNITS[unit ?? ''] ?? 0);
  return sum;
}

/**
 * Milliseconds since the epoch of an ISO 8601 date or time; a date is its midnight in UTC, a time without a zone is UTC.
 * Null = not a time, or no day of the calendar.
 */
export function parseTime(text: string): number | null {
  if (text.length > 40) return null;
  const parts = TIME.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const milliseconds = Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3));
  if (hour > 24 || minute > 59 || second > 59 || (hour === 24 && minute + second + milliseconds > 0))
    return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const local = date.getTime() + hour * 3_600_000 + minute * 60_000 + second * 1_000 + milliseconds;
  const shift = zoneMinutes(parts[8]);
  return shift === null ? null : local - shift * 60_000;
}

function zoneMinutes(zone: string | undefined): number | null {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** The latest time that can be written (9999-12-31T23:59:59.999Z). */
const LAST_TIME = 253_402_300_799_999;

/** ISO 8601 in UTC, with milliseconds if not zero; null for a time without a date. */
export function formatTime(time: number): string | null {
  if (!Number.isFinite(time) || Math.abs(time) > LAST_TIME) return null;
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

/** A duration or age in its two largest units, e.g. `61d 4h`. */
export function formatAge(milliseconds: number): string {
  if (milliseconds < 0) return `-${formatAge(-milliseconds)}`;
  const parts: string[] = [];
  let left = milliseconds;
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = UNITS[unit] ?? 1;
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}
