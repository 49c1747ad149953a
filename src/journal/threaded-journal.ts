// Owns a worker's way to the SQLite file of the journal, through a thread of its own that starts with the first entry.
import { Worker } from 'node:worker_threads';
import type { JournalEntry } from '../model/journal.ts';
import { threadFile } from '../thread-file.ts';
import type { JournalAppender } from './journal-store.ts';
import type { ThreadAnswer, ThreadData, ThreadOrder } from './journal-thread.ts';

const PROGRAM = threadFile('./journal-thread', import.meta.url);
/** Most appends under way: a thread that stands still must not collect entries. */
const MAX_UNDER_WAY = 8;
/** Longest wait for the end of the thread: a worker is killed three seconds after its drain. */
const END_MS = 2_000;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** Appends entries in a thread. A thread that dies fails what is under way, and the next append starts another one. */
export class ThreadedJournal implements JournalAppender {
  private readonly data: ThreadData;
  private readonly endMs: number;
  private thread: Worker | null = null;
  private waiting: Waiting[] = [];
  private closed = false;

  /** `endMs`: longest wait for the end of the thread; what it has not written by then is lost. */
  constructor(data: ThreadData, endMs = END_MS) {
    this.data = data;
    this.endMs = endMs;
  }

  append(entries: readonly JournalEntry[]): Promise<void> {
    if (this.closed) return Promise.reject(new Error(`${this.data.path}: closed`));
    if (this.waiting.length >= MAX_UNDER_WAY)
      return Promise.reject(new Error(`${this.data.path}: the thread that writes it stands still`));
    return this.send(entries);
  }

  async close(): Promise<void> {
    this.closed = true;
    const { thread } = this;
    if (thread === null) return;
    const timer = setTimeout(() => void thread.terminate(), this.endMs);
    // It fails when the thread ends before it answers.
    await this.send(null).catch(() => undefined);
    clearTimeout(timer);
    await thread.terminate();
  }

  private send(entries: ThreadOrder['entries']): Promise<void> {
    this.thread ??= this.start();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.waiting.push({ resolve, reject });
    this.thread.postMessage({ entries } satisfies ThreadOrder, []);
    return promise;
  }

  private start(): Worker {
    const thread = new Worker(PROGRAM, { workerData: this.data, name: 'journal' });
    thread.unref();
    thread.on('message', ({ trouble }: ThreadAnswer) => {
      const first = this.waiting.shift();
      if (trouble === null) first?.resolve();
      else first?.reject(new Error(trouble));
    });
    let cause = 'ended';
    thread.on('error', (error) => {
      cause = String(error);
    });
    thread.on('exit', () => {
      this.thread = null;
      const left = this.waiting;
      this.waiting = [];
      for (const one of left)
        one.reject(new Error(`${this.data.path}: the thread that writes it failed: ${cause}`));
    });
    return thread;
  }
}
