// Owns the regular look for changes without an entry in the audit, by the control process that leads.
import { AuditCompletion } from '../app/audit-completion.ts';
import { messageOf } from '../caught-error.ts';
import { journalOptions } from '../config/journal-settings.ts';
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { LazyJournal } from '../journal/lazy-journal.ts';
import { openJournalStore } from '../journal/open-journal.ts';

/** Between two looks, milliseconds. */
const CHECK_MS = 60_000;

/** Writes a warning into the log of the process. */
type Warn = (facts: { readonly code: string } & Readonly<Record<string, unknown>>, text: string) => void;

/** Looks once a minute until closed. */
export class AuditWatch {
  private readonly store: DirectoryStore;
  private readonly journal: LazyJournal;
  private readonly leads: () => boolean;
  private readonly warn: Warn;
  private readonly maxAgeMs: number;
  private completion: AuditCompletion | null = null;
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> = Promise.resolve();
  private closed = false;
  /** Whether the last look failed: the log has it. */
  private failed = false;

  /** `leads`: whether this process does; others only wait. */
  constructor(store: DirectoryStore, config: Config, leads: () => boolean, warn: Warn) {
    const options = journalOptions(config);
    this.store = store;
    this.journal = new LazyJournal(() => openJournalStore(options));
    this.maxAgeMs = options.retention.audit.maxAgeMs;
    this.leads = leads;
    this.warn = warn;
  }

  /** Looks now, and goes on. */
  start(): void {
    this.looking = this.look();
  }

  /** Resolves when a look that is under way has ended: it ends before its next change. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.looking;
    await this.journal.close();
  }

  private async look(): Promise<void> {
    if (this.leads()) {
      const failure = await this.complete();
      if (failure !== null && !this.failed && !this.closed)
        this.warn(
          { code: 'EASGATE_AUDIT_COMPLETION', cause: messageOf(failure) },
          'changes without an entry in the audit could not be looked for, or not all of them: the next looks go on; if this stays, see the cause',
        );
      this.failed = failure !== null;
    }
    if (this.closed) return;
    this.timer = setTimeout(() => this.start(), CHECK_MS);
    this.timer.unref();
  }

  /** Returns the first failure; null = none. */
  private async complete(): Promise<Error | null> {
    try {
      this.completion ??= new AuditCompletion(this.store, await this.journal.get(), this.maxAgeMs);
      const isOver = (): boolean => this.closed || !this.leads();
      const { entries, failure } = await this.completion.complete(Date.now(), isOver);
      if (entries > 0)
        this.warn(
          { code: 'EASGATE_AUDIT_COMPLETED', entries },
          'changes had no entry in the audit: their entries were written afterwards, from the history',
        );
      return failure;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
