// Owns the thread that writes the journal into its SQLite file: a slow disk stops it, and not the requests of the worker.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../caught-error.ts';
import type { JournalEntry } from '../model/journal.ts';
import { EmbeddedJournal } from './embedded-journal.ts';
import type { Retention } from './journal-store.ts';

/** What the thread is started with. */
export interface ThreadData {
  readonly path: string;
  readonly retention: Retention;
  readonly busyMs: number;
}

/** Entries to append; null = close the file and end. */
export interface ThreadOrder {
  readonly entries: readonly JournalEntry[] | null;
}

/** The answers come in the order of the orders; null = done. */
export interface ThreadAnswer {
  readonly trouble: string | null;
}

if (parentPort !== null) serve(parentPort, workerData as ThreadData);

function serve(port: NonNullable<typeof parentPort>, { path, retention, busyMs }: ThreadData): void {
  const store = new EmbeddedJournal(path, { retention, busyMs });
  port.on('message', ({ entries }: ThreadOrder) => {
    const work = entries === null ? store.close() : store.append(entries);
    void work.then(
      () => port.postMessage({ trouble: null } satisfies ThreadAnswer),
      (error: unknown) =>
        port.postMessage({
          trouble: messageOf(error),
        } satisfies ThreadAnswer),
    );
    if (entries === null) void work.finally(() => port.close());
  });
}
