// Owns one thread that answers questions, one at a time: it is started with the first one, and a question that takes too long ends it.
import { Worker } from 'node:worker_threads';
import type { WorkerOptions } from 'node:worker_threads';
import { messageOf } from '../../caught-error.ts';
import { PROGRAM_ERRORS, ProgramError } from '../../errors/program-errors.ts';
import type { ProgramErrorCode } from '../../errors/program-errors.ts';

/** What a thread sends: the answer, or why there is none; `code` null = a defect. */
export type AnswerMessage =
  | { readonly isAnswer: true; readonly answer: unknown }
  | { readonly isAnswer: false; readonly code: string | null; readonly message: string };

/** What a thread sends once it is loaded, where its time for a question counts from then on. */
export const READY = { isReady: true } as const;

/** The answer, or why there is none. */
export type Outcome = { readonly answer: unknown } | { readonly error: Error };

/** A question that has no answer yet. */
export interface OpenQuestion {
  readonly message: unknown;
  /** Answers it, once. */
  readonly settle: (outcome: Outcome) => void;
}

/** One thread, with one question at a time. One that ends fails its question; the next question starts another. */
export class AskedThread<Question extends OpenQuestion> {
  /** The question that it has; null = none. */
  open: Question | null = null;
  private readonly program: URL;
  private readonly options: WorkerOptions;
  private readonly onFree: () => void;
  private readonly failure: (cause: unknown) => Error;
  private readonly onBegun: () => void;
  private worker: Worker | null = null;
  private isReady = false;
  private ending: Promise<unknown> | null = null;

  /**
   * `failure`: the error of a question whose thread ended; `onFree`: called when it can take the next question; `onBegun`: when it works
   * on one, which a thread that is not loaded yet does not (only of a program that sends {@link READY}).
   */
  constructor(
    program: URL,
    options: WorkerOptions,
    failure: (cause: unknown) => Error,
    onFree: () => void,
    onBegun: () => void = () => undefined,
  ) {
    this.program = program;
    this.options = options;
    this.failure = failure;
    this.onFree = onFree;
    this.onBegun = onBegun;
  }

  get isFree(): boolean {
    return this.open === null && this.ending === null;
  }

  /** Gives it a question; it must be free. */
  start(open: Question): void {
    this.open = open;
    try {
      this.worker ??= this.startWorker();
      this.worker.postMessage(open.message, []);
      if (this.isReady) this.onBegun();
    } catch (error) {
      // The system allows no further thread. The next question tries again.
      this.finish({ error: this.failure(error) });
    }
  }

  /** Ends the worker: JavaScript at once, a query of SQLite when it ends. Until then it is not free: there is never a second one. */
  async end(): Promise<void> {
    const { worker } = this;
    if (worker === null) return;
    this.ending ??= worker.terminate();
    await this.ending;
  }

  private startWorker(): Worker {
    const worker = new Worker(this.program, this.options);
    worker.unref();
    worker.on('message', (message: AnswerMessage | typeof READY) => {
      if ('isReady' in message) this.ready();
      else this.finish(message.isAnswer ? { answer: message.answer } : { error: errorOf(message) });
    });
    let cause: unknown = null;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => {
      this.worker = null;
      this.isReady = false;
      this.ending = null;
      this.finish({ error: this.failure(cause) });
    });
    return worker;
  }

  private ready(): void {
    this.isReady = true;
    if (this.open !== null) this.onBegun();
  }

  private finish(outcome: Outcome): void {
    const { open } = this;
    this.open = null;
    open?.settle(outcome);
    this.onFree();
  }
}

/** What a thread sends back for a question; `work` answers it. */
export function answerMessage(work: () => unknown): AnswerMessage {
  try {
    return { isAnswer: true, answer: work() };
  } catch (error) {
    const code = error instanceof ProgramError ? error.code : null;
    return { isAnswer: false, code, message: messageOf(error) };
  }
}

function errorOf({ code, message }: AnswerMessage & { readonly isAnswer: false }): Error {
  return code !== null && Object.hasOwn(PROGRAM_ERRORS, code)
    ? new ProgramError(code as ProgramErrorCode, message)
    : new Error(message);
}
