// Owns the audit of changes by operators: an entry after each change, and events that it causes. A change stands even where its
// entry cannot be written.
import { hostname } from 'node:os';
import type { AuditEntry } from '../model/journal.ts';
import type { CausedEvent, EventSink } from './event-sink.ts';
import type { LazyJournal } from './lazy-journal.ts';

/** A change to record; what is absent is null. */
export type AuditedChange = Pick<AuditEntry, 'at' | 'by' | 'via' | 'operation'> &
  Partial<Pick<AuditEntry, 'user' | 'device' | 'subject' | 'before' | 'after' | 'comment'>>;

/** Takes what was changed. */
export interface AuditSink {
  /** Call it when the change is made. Never rejects, and ends in bounded time. */
  record(change: AuditedChange): Promise<void>;
}

/** Writes the audit into the store of the journal. */
export class AuditLog implements AuditSink, EventSink {
  private readonly journal: LazyJournal;
  private readonly onFailure: (error: Error) => void;

  /** `journal`: closed by its owner. `onFailure`: called for each entry that could not be written. */
  constructor(journal: LazyJournal, onFailure: (error: Error) => void) {
    this.journal = journal;
    this.onFailure = onFailure;
  }

  async record(change: AuditedChange): Promise<void> {
    await this.unlessItFails(() => this.recordOrFail(change));
  }

  /** Likewise; rejects where the entry cannot be written. */
  async recordOrFail(change: AuditedChange): Promise<void> {
    const {
      user = null,
      device = null,
      subject = null,
      before = null,
      after = null,
      comment = null,
    } = change;
    const store = await this.journal.get();
    await store.appendAudit({ ...change, user, device, subject, before, after, comment });
  }

  async happened({
    user = null,
    device = null,
    reason = null,
    facts = {},
    ...event
  }: CausedEvent): Promise<void> {
    const entry = { ...event, user, device, reason, facts };
    await this.unlessItFails(async () => {
      const store = await this.journal.get();
      await store.append([
        { ...entry, action: null, rule: null, count: 1, gateway: hostname(), seconds: null },
      ]);
    });
  }

  private async unlessItFails(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
