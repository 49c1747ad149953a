// Owns the thread of the read model, as its process sees it: started, its last report, ended.
import { Worker } from 'node:worker_threads';
import { threadFile } from '../../thread-file.ts';
import type { ModelReport, ModelTask } from './model-thread.ts';

const PROGRAM = threadFile('./model-thread', import.meta.url);

/** A thread that keeps a read model. */
export class ThreadedModel {
  /** Null = it has not said anything yet. */
  report: ModelReport | null = null;
  private readonly worker: Worker;
  private ended = false;

  /** `onReport` is called for each report; `onEnd` when the thread ended by itself, which only a defect or a lack of memory does. */
  constructor(task: ModelTask, onReport: (report: ModelReport) => void, onEnd: (cause: unknown) => void) {
    this.worker = new Worker(PROGRAM, { workerData: task });
    this.worker.on('message', (report: ModelReport) => {
      this.report = report;
      onReport(report);
    });
    const end = (cause: unknown): void => {
      if (this.ended) return;
      this.ended = true;
      onEnd(cause);
    };
    this.worker.on('error', end);
    this.worker.on('exit', (code) => end(new Error(`the thread ended with ${code}`)));
  }

  /** Ends it wherever it is: the file is whole after any end. */
  async close(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }
}
