// Owns notes about changed decisions, until somebody looked whether the audit has them: a process may end between a change and its entry in
// the audit, which is another store.
import type { DecisionOrigin, DecisionSubject } from '../model/decision.ts';

/** Notes that are kept at most; beyond that the oldest go. */
export const MOST_NOTES = 100_000;

/** A decision was about to be changed: its record says whether it was. */
export interface ChangeNote extends DecisionSubject, DecisionOrigin {
  /** Names the note; only the store understands it. */
  readonly place: string;
  /** Since it was written, milliseconds by the clock of the store; negative = that clock was set back. `at` is older: when the request came. */
  readonly ageMs: number;
}

/** The notes, in the directory itself. All methods reject when the store is unavailable. */
export interface ChangeNotes {
  /** So many at most, the oldest first; `after`: only those behind this place, null = all. */
  oldest(limit: number, after: string | null): Promise<readonly ChangeNote[]>;
  remove(places: readonly string[]): Promise<void>;
}
