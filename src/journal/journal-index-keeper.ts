// Owns the thread that keeps the index of a journal in Redis, as its process sees it: started, started again, ended.
import { Worker } from 'node:worker_threads';
import { threadFile } from '../thread-file.ts';
import type { IndexReport, IndexTask } from './journal-index-thread.ts';

const PROGRAM = threadFile('./journal-index-thread', import.meta.url);
/** Before a thread that ended is started again. */
const RESTART_MS = 10_000;

/** Keeps the index until it is closed. Only a defect or a lack of memory ends the thread. */
export class JournalIndexKeeper {
  private readonly task: IndexTask;
  private readonly onReport: (report: IndexReport) => void;
  private worker: Worker;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  /** `onReport` is called when the index is not kept, and when it is again. */
  constructor(task: IndexTask, onReport: (report: IndexReport) => void) {
    this.task = task;
    this.onReport = onReport;
    this.worker = this.start();
  }

  /** Ends the thread wherever it is: the file is whole after any end. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.worker.terminate();
  }

  private start(): Worker {
    const worker = new Worker(PROGRAM, { workerData: this.task, name: 'journal-index' });
    let cause = 'ended';
    worker.on('message', this.onReport);
    worker.on('error', (error) => {
      cause = String(error);
    });
    worker.on('exit', () => {
      if (this.closed) return;
      this.onReport({ trouble: `the thread that keeps it failed: ${cause}` });
      this.timer = setTimeout(() => {
        this.worker = this.start();
      }, RESTART_MS);
    });
    return worker;
  }
}
