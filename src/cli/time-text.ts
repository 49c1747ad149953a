// Owns how commands print the times that they list: in ISO form in UTC, or as lengths from now with `--relative`. What shows how
// something is at the moment (`status`, `feeds`) has lengths always.
import { isoTime, relativeTime } from '../app/times.ts';

/** Of the command that runs. */
let isRelative = false;

/** Prints times as lengths from now on, or in ISO form. */
export function showTimes({ relative = false }: { readonly relative?: boolean }): void {
  isRelative = relative;
}

/** A time; `now`: milliseconds since the epoch. */
export function timeText(at: number, now = Date.now()): string {
  return isRelative ? relativeTime(at, now) : isoTime(at);
}

/** Likewise; null or 0 = never. */
export function timeOrNever(at: number | null, now = Date.now()): string {
  return at === null || at === 0 ? 'never' : timeText(at, now);
}
