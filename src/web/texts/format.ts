// Owns numbers and times as people read them. Relative up to 7 days, then the date; UTC and local time together for the hover.
import { t } from './texts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const count = new Intl.NumberFormat(t.locale);
const million = new Intl.NumberFormat(t.locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const decimal = new Intl.NumberFormat(t.locale, { maximumFractionDigits: 1 });
const dayMonth = new Intl.DateTimeFormat(t.locale, { day: 'numeric', month: 'short' });
const dayMonthYear = new Intl.DateTimeFormat(t.locale, { day: 'numeric', month: 'short', year: 'numeric' });
const longDay = new Intl.DateTimeFormat(t.locale, { day: 'numeric', month: 'long', year: 'numeric' });
const weekday = new Intl.DateTimeFormat(t.locale, { weekday: 'short' });
const clock = new Intl.DateTimeFormat(t.locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const clockSeconds = new Intl.DateTimeFormat(t.locale, { timeStyle: 'medium', hourCycle: 'h23' });
const full = new Intl.DateTimeFormat(t.locale, { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' });
const fullUtc = new Intl.DateTimeFormat(t.locale, {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
  timeZone: 'UTC',
});

/** 12846 → 12,846. */
export function number(value: number): string {
  return count.format(value);
}

/** From one million on with two decimals: 1.20 M. The exact number belongs to the hover. */
export function shortNumber(value: number): string {
  return value < 1_000_000 ? count.format(value) : `${million.format(value / 1_000_000)} M`;
}

/** At most one decimal. */
export function rounded(value: number): string {
  return decimal.format(value);
}

/** Likewise, of a rate: few requests are not none. */
export function rate(value: number): string {
  return value > 0 && value < 0.05 ? `< ${decimal.format(0.1)}` : rounded(value);
}

/** A change: +31, −2, ±0. */
export function signed(value: number): string {
  if (value === 0) return '±0';
  return value > 0 ? `+${count.format(value)}` : `−${count.format(-value)}`;
}

/** A length of time in its largest unit: 38 s, 2 min, 3 h, 12 d. */
export function length(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 10_000) return t.units.seconds(decimal.format(ms / 1_000));
  if (ms < MINUTE) return t.units.seconds(String(Math.floor(ms / 1_000)));
  if (ms < HOUR) return t.units.minutes(String(Math.floor(ms / MINUTE)));
  if (ms < DAY) return t.units.hours(String(Math.floor(ms / HOUR)));
  return t.units.days(count.format(Math.floor(ms / DAY)));
}

/** How long ago, up to 7 days; then the date. Times to come: the date or the hour. */
export function age(at: number, now: number): string {
  const ago = now - at;
  if (ago < -MINUTE) return moment(at, now);
  // A clock that is a little ahead: nothing is from the future.
  if (ago < 1_000) return t.units.now;
  if (ago < MINUTE) return t.units.seconds(String(Math.floor(ago / 1_000)));
  return ago < 7 * DAY ? length(ago) : day(at, now);
}

/** The date; with its year when it is another one. */
export function day(at: number, now: number): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayMonth : dayMonthYear).format(at);
}

/** The date in full words, for headings. */
export function longDate(at: number): string {
  return longDay.format(at);
}

/** 18:00 of today, else the date: since when something is so. */
export function since(at: number, now: number): string {
  return new Date(at).toDateString() === new Date(now).toDateString() ? clock.format(at) : day(at, now);
}

/** 18:00 of today, else with the day of the week: for ends within a week, where there is little room. */
export function shortMoment(at: number, now: number): string {
  const hour = clock.format(at);
  return new Date(at).toDateString() === new Date(now).toDateString()
    ? hour
    : `${weekday.format(at)} ${hour}`;
}

/** 18:00 of today, tomorrow 18:00, else the date and the hour. */
export function moment(at: number, now: number): string {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const hour = clock.format(at);
  if (at >= midnight && at < new Date(midnight).setDate(new Date(midnight).getDate() + 1)) return hour;
  const tomorrow = new Date(midnight).setDate(new Date(midnight).getDate() + 1);
  if (at >= tomorrow && at < new Date(tomorrow).setDate(new Date(tomorrow).getDate() + 1))
    return t.units.tomorrow(hour);
  return `${day(at, now)}, ${hour}`;
}

/** 09:41:22, local. */
export function clockTime(at: number): string {
  return clockSeconds.format(at);
}

/** Local and UTC, to the second. */
export function absolute(at: number): string {
  return `${full.format(at)}\n${fullUtc.format(at)} UTC`;
}

/** A size: 38 KB, 1.2 MB, 3.4 GB. */
export function size(bytes: number): string {
  const { kilo, mega, giga } = t.system.bytes;
  if (bytes < 1e6) return kilo(String(Math.ceil(bytes / 1e3)));
  return bytes < 1e9 ? mega(decimal.format(bytes / 1e6)) : giga(decimal.format(bytes / 1e9));
}
