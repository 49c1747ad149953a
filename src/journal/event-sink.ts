// Owns the interface for events that an operator's command causes.
import type { JournalEntry } from '../model/journal.ts';

/** An event to record; what is absent is null. */
export type CausedEvent = Pick<JournalEntry, 'at' | 'kind'> &
  Partial<Pick<JournalEntry, 'user' | 'device' | 'reason' | 'facts'>>;

/** Takes events. */
export interface EventSink {
  /** Never rejects, and ends in bounded time. */
  happened(event: CausedEvent): Promise<void>;
}
