// Owns the store of the journal of a process that may never use it: opened with the first use, and after a failure by the next one.
import type { JournalStore } from './journal-store.ts';

/** Opens the store once for everybody who uses it. */
export class LazyJournal {
  private readonly open: () => Promise<JournalStore>;
  private store: Promise<JournalStore> | null = null;

  constructor(open: () => Promise<JournalStore>) {
    this.open = open;
  }

  /** The open store. Rejects where it cannot be opened. */
  get(): Promise<JournalStore> {
    if (this.store !== null) return this.store;
    const opening = this.open();
    this.store = opening;
    opening.catch(() => {
      if (this.store === opening) this.store = null;
    });
    return opening;
  }

  async close(): Promise<void> {
    const store = await this.store?.catch(() => null);
    await store?.close();
  }
}
