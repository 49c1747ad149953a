// Owns copying the write-ahead log into the SQLite file while this thread goes on writing: a copy takes as long as a few long transactions, mostly
// for the disk.
import { Worker } from 'node:worker_threads';
import { threadFile } from '../../thread-file.ts';
import type { LogLength } from './file-room.ts';
import type { LogCopierTask, LogCopierWord } from './log-copier-thread.ts';
import { inodeOf } from './store-file.ts';

const PROGRAM = threadFile('./log-copier-thread', import.meta.url);

/** Pages of the log. */
interface CopyLimits {
  /** Fewer are not copied yet. */
  readonly least: number;
  /** From this length on all is copied before more is written: then the next transaction begins the log anew. */
  readonly most: number;
}

const LIMITS: CopyLimits = { least: 8_192, most: 49_152 };

/**
 * Copies the log of one file, in a thread that is started when there is something to copy. If it fails, or another file took the place, SQLite
 * copies the log itself, when it is a little longer.
 */
export class LogCopier {
  private readonly path: string;
  private readonly lengthOf: () => LogLength | null;
  private readonly limits: CopyLimits;
  private worker: Worker | null = null;
  private inode: string | null = null;
  /** The answer that is awaited. */
  private waiting: Promise<void> | null = null;
  private onAnswer: () => void = () => undefined;
  private ended = false;

  /** `lengthOf`: null = the open file is not at its place. */
  constructor(path: string, lengthOf: () => LogLength | null, limits: CopyLimits = LIMITS) {
    this.path = path;
    this.lengthOf = lengthOf;
    this.limits = limits;
  }

  /** Whether the thread copies the log whenever there is something to copy. */
  get isAtWork(): boolean {
    return this.worker !== null && !this.ended && this.isSame;
  }

  /** To be called after a long transaction. */
  note(): void {
    const { least } = this.limits;
    if (this.waiting === null && this.rest() >= least) void this.tell('copy');
  }

  /** To be awaited before a long transaction. */
  async room(): Promise<void> {
    if (this.worker === null || this.length().pages < this.limits.most) return;
    await this.waiting;
    if (this.rest() > 0) await this.tell('copy');
  }

  /** To be awaited before the process closes the file. */
  async close(): Promise<void> {
    await this.waiting;
    if (this.worker !== null && !this.ended) await this.tell('end');
    this.ended = true;
  }

  private rest(): number {
    const { pages, copied } = this.length();
    return pages - copied;
  }

  /** No pages where the file is not copied any more. */
  private length(): LogLength {
    return (this.isSame && !this.ended ? this.lengthOf() : null) ?? { pages: 0, copied: 0 };
  }

  private get isSame(): boolean {
    return this.inode === null || this.inode === inodeOf(this.path);
  }

  private tell(word: LogCopierWord): Promise<void> {
    const worker = (this.worker ??= this.start());
    // The process does not end meanwhile.
    worker.ref();
    worker.postMessage(word, []);
    this.waiting = new Promise((resolve) => {
      this.onAnswer = resolve;
    });
    return this.waiting;
  }

  private start(): Worker {
    this.inode = inodeOf(this.path) ?? '';
    const task: LogCopierTask = { path: this.path, inode: this.inode };
    const worker = new Worker(PROGRAM, { workerData: task, name: 'log-copier' });
    worker.on('message', () => this.settle());
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.ended = true;
      this.settle();
    });
    return worker;
  }

  private settle(): void {
    this.waiting = null;
    this.worker?.unref();
    this.onAnswer();
  }
}
