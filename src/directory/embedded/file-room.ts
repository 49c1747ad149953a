// Owns how much memory a process has for pages of the SQLite file, and how long the write-ahead log may be until it is copied into the file.
import type { DatabaseSync } from 'node:sqlite';

/** The room of one open file. */
export interface FileRoom {
  /** Most memory for pages of the file, KB. */
  readonly cacheKb: number;
  /** Pages of the log from which on a writer copies it into the file. */
  readonly logPages: number;
  /** When the log begins anew, its file is cut to this size; -1 = it keeps its size. */
  readonly logFileBytes: number;
}

/** A process may have the file open several times, and what is not in there is in memory of the system. */
const CACHE_KB = 16_384;
/** Many rows are written much faster when the log is copied into the file less often (64 MB instead of 4). */
const LOG_PAGES = 16_384;
/** The longest log that a worker writes. */
const LOG_FILE_BYTES = 134_217_728;

export const USUAL_ROOM: FileRoom = {
  cacheKb: CACHE_KB,
  logPages: LOG_PAGES,
  logFileBytes: LOG_FILE_BYTES,
};

/**
 * Of a worker. Its requests would wait for the copy: it leaves it to the others while they write, who do it with each write beyond their
 * limit.
 */
export const SERVING_ROOM: FileRoom = { ...USUAL_ROOM, logPages: 2 * LOG_PAGES };

/**
 * While no gateway serves. A long transaction changes up to 7,000 pages, since nearly each record has a page of an index to itself. If they do not fit into
 * memory, SQLite writes some of them to the log too early, and then reads the log again to correct its checksums. The log is not so
 * long that a worker that starts now has to copy it, even with one more transaction.
 */
export const UNSERVED_ROOM: FileRoom = { ...USUAL_ROOM, cacheKb: 2 * CACHE_KB, logPages: 25_600 };

/** Likewise, while a thread copies the log all the time: a worker that starts now has no more to copy of a longer one. */
export const COPIED_ROOM: FileRoom = { ...UNSERVED_ROOM, logPages: 57_344, logFileBytes: -1 };

export function setRoom(database: DatabaseSync, { cacheKb, logPages, logFileBytes }: FileRoom): void {
  database.exec(
    `PRAGMA cache_size = -${cacheKb}; PRAGMA wal_autocheckpoint = ${logPages}; PRAGMA journal_size_limit = ${logFileBytes};`,
  );
}

/** The length of the log, in pages. */
export interface LogLength {
  readonly pages: number;
  /** How many of them are in the file. */
  readonly copied: number;
}

/** Not within a transaction. */
export function logLength(database: DatabaseSync): LogLength {
  const row = database.prepare('PRAGMA wal_checkpoint(NOOP)').get();
  return { pages: Number(row?.['log'] ?? 0), copied: Number(row?.['checkpointed'] ?? 0) };
}
