// Owns the audit of changes by operators: an entry after each change. A change stands even where its entry cannot be written.
import type { AuditEntry } from '../model/journal.ts';
import type { JournalStore } from './journal-store.ts';

/** A change to record; what is absent is null. */
export type AuditedChange = Pick<AuditEntry, 'at' | 'by' | 'via' | 'operation'> &
  Partial<Pick<AuditEntry, 'user' | 'device' | 'subject' | 'before' | 'after' | 'comment'>>;

/** Takes what was changed. */
export interface AuditSink {
  /** Never rejects, and ends in bounded time. */
  record(change: AuditedChange): Promise<void>;
}

/** Records nothing, for what is no change by an operator. */
export const NO_AUDIT: AuditSink = { record: () => Promise.resolve() };

/** Writes the audit into the store of the journal. */
export class AuditLog implements AuditSink {
  private readonly store: JournalStore;
  private readonly onFailure: (error: Error) => void;

  /** `onFailure`: called for each entry that could not be written. */
  constructor(store: JournalStore, onFailure: (error: Error) => void) {
    this.store = store;
    this.onFailure = onFailure;
  }

  async record(change: AuditedChange): Promise<void> {
    const {
      user = null,
      device = null,
      subject = null,
      before = null,
      after = null,
      comment = null,
    } = change;
    try {
      await this.store.appendAudit({ ...change, user, device, subject, before, after, comment });
    } catch (error) {
      this.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
