// Owns the thread that copies the write-ahead log into the SQLite file (log-copier.ts).
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { inodeOf } from './store-file.ts';

/** The file to be copied into, which the process has open. */
export interface LogCopierTask {
  readonly path: string;
  readonly inode: string;
}

/** The thread answers each word with the same word when it is done. */
export type LogCopierWord = 'copy' | 'end';

const port = parentPort;
if (port === null) throw new Error('not a thread');
const { path, inode } = workerData as LogCopierTask;
const database = new DatabaseSync(path);
// Opening reads nothing. If another file has taken the place meanwhile, it is not touched.
if (inodeOf(path) !== inode) throw new Error(`${path}: replaced`);
port.on('message', (word: LogCopierWord) => {
  // Waits for nobody, and nobody waits for it.
  if (word === 'copy') database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  // The process has the file open still: the log stays.
  else database.close();
  port.postMessage(word, []);
  if (word === 'end') port.close();
});
