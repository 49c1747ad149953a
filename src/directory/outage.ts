// Owns which verdicts serve while the directory is unavailable, and for how long. Pure.
import type { Verdict } from '../model/verdict.ts';

/** How long the last known verdict serves, milliseconds: for allowed devices, and for all others. */
export interface OutageTimes {
  readonly staleAllowedMs: number;
  readonly staleBlockedMs: number;
}

/** Replaces a wipe that cannot be confirmed by the store: it may have been cancelled. */
const WIPE_UNCONFIRMED: Verdict = Object.freeze({
  action: 'block',
  reason: 'storeUnavailable',
  rule: 'a wipe that the directory does not confirm',
  validUntil: Infinity,
});

/** The verdict to use instead of an answer of the directory. `ageMs`: time since its facts were read. Null = they are too old to be used. */
export function duringOutage(
  verdict: Verdict,
  ageMs: number,
  { staleAllowedMs, staleBlockedMs }: OutageTimes,
): Verdict | null {
  const { action } = verdict;
  if (ageMs > (action === 'allow' ? staleAllowedMs : staleBlockedMs)) return null;
  return action === 'wipe' || action === 'accountWipe' ? WIPE_UNCONFIRMED : verdict;
}
