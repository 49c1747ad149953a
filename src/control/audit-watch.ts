// Owns the regular look for changes without an entry in the audit, by the control process that leads.
import { AuditCompletion } from '../app/audit-completion.ts';
import { journalOptions } from '../config/journal-settings.ts';
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { LazyJournal } from '../journal/lazy-journal.ts';
import { openJournalStore } from '../journal/open-journal.ts';

/** Between two looks, milliseconds. */
const CHECK_MS = 60_000;

/** Looks once a minute until closed. */
export class AuditWatch {
  private readonly store: DirectoryStore;
  private readonly journal: LazyJournal;
  private readonly leads: () => boolean;
  private readonly onCompleted: (entries: number) => void;
  private completion: AuditCompletion | null = null;
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> = Promise.resolve();
  private closed = false;

  /** `leads`: whether this process does; others only wait. `onCompleted`: called with the number of entries that were written. */
  constructor(
    store: DirectoryStore,
    config: Config,
    leads: () => boolean,
    onCompleted: (entries: number) => void,
  ) {
    this.store = store;
    this.journal = new LazyJournal(() => openJournalStore(journalOptions(config)));
    this.leads = leads;
    this.onCompleted = onCompleted;
  }

  /** Looks now, and goes on. */
  start(): void {
    this.looking = this.look();
  }

  /** Resolves when a look that is under way has ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.looking;
    await this.journal.close();
  }

  private async look(): Promise<void> {
    try {
      if (this.leads()) await this.complete();
    } catch {
      // A store is away: the notes stay, and the next look goes on.
    }
    if (this.closed) return;
    this.timer = setTimeout(() => this.start(), CHECK_MS);
    this.timer.unref();
  }

  private async complete(): Promise<void> {
    this.completion ??= new AuditCompletion(this.store, await this.journal.get());
    const entries = await this.completion.complete(Date.now());
    if (entries > 0) this.onCompleted(entries);
  }
}
