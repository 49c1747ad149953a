// Owns whether the gateway answers, and since when it does not.
import { newValue } from './value.ts';

/** Since when nothing answers, in milliseconds since 1970; null = it answers. */
export const silentSince = newValue<number | null>(null);

/** An answer came. */
export function noteAnswer(): void {
  silentSince.set(null);
}

/** None came. */
export function noteSilence(): void {
  if (silentSince.get() === null) silentSince.set(Date.now());
}

window.addEventListener('offline', noteSilence);
