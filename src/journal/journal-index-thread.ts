// Owns the thread that keeps the index of a journal in Redis: it follows the streams, and begins again after a failure.
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../caught-error.ts';
import type { RedisStoreOptions } from '../directory/redis/redis-connection.ts';
import { JournalIndex } from './journal-index.ts';
import { JournalIndexer } from './journal-indexer.ts';
import type { Retention } from './journal-store.ts';
import { RedisJournal } from './redis-journal.ts';

/** What the thread is started with. */
export interface IndexTask {
  /** File of the index. */
  readonly path: string;
  readonly redis: RedisStoreOptions;
  readonly retention: Retention;
}

/** Posted when it changes. */
export interface IndexReport {
  /** Why the index is not kept; null = it is. */
  readonly trouble: string | null;
}

/** Longest wait for an answer of Redis. Queries do not wait for the index: they read what it lacks from the stream. */
const PATIENCE_MS = 15_000;
/** Between two looks at streams that brought nothing. */
const POLL_MS = 500;
/** First and longest pause after a failure. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Keeps the index until the thread is ended. */
async function keep({ path, redis: options, retention }: IndexTask): Promise<never> {
  let failures = 0;
  let told: string | null = null;
  const tell = (trouble: string | null): void => {
    if (trouble === told) return;
    told = trouble;
    parentPort?.postMessage({ trouble } satisfies IndexReport, []);
  };
  while (true) {
    const redis = new RedisJournal({ ...options, commandTimeoutMs: PATIENCE_MS }, retention);
    let index: JournalIndex | null = null;
    try {
      index = JournalIndex.open(path);
      const indexer = new JournalIndexer(redis, index);
      // A file that was removed or replaced is made anew.
      while (index.isSame()) {
        const isDone = await indexer.step();
        failures = 0;
        tell(null);
        if (isDone) await pause(POLL_MS);
      }
    } catch (error) {
      tell(messageOf(error));
      await pause(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** failures++));
    } finally {
      close(index);
      await redis.close();
    }
  }
}

function close(index: JournalIndex | null): void {
  try {
    index?.close();
  } catch {
    // Its last writes did not fit on the disk; what was written before is whole.
  }
}

if (parentPort !== null) await keep(workerData as IndexTask);
