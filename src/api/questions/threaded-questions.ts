// Owns the threads that answer the admin API's questions to the read model: two lanes, bounded queues, deadlines. A page of a list
// does not wait for a report.
import { Worker } from 'node:worker_threads';
import { PROGRAM_ERRORS, ProgramError } from '../../errors.ts';
import type { ProgramErrorCode } from '../../errors.ts';
import { ApiError } from '../problems.ts';
import { isSlow } from './model-questions.ts';
import type { AnswerOf, ModelQuestions, QuestionName, QuestionOf } from './model-questions.ts';
import type { AnswerMessage, QuestionMessage, QuestionThreadData } from './question-thread.ts';

/** The source when it runs from source, else the compiled file. */
const PROGRAM = new URL(
  `./question-thread${/\.[jt]s$/.exec(import.meta.url)?.[0] ?? '.js'}`,
  import.meta.url,
);

/** Limits of one lane. */
export interface LaneLimits {
  /** Most questions that wait for a thread. */
  readonly waiting: number;
  /** From the question to its answer, milliseconds. */
  readonly deadlineMs: number;
}

/** Limits of both lanes. */
export interface QuestionLimits {
  readonly quick: LaneLimits;
  readonly slow: LaneLimits;
}

const LIMITS: QuestionLimits = {
  quick: { waiting: 100, deadlineMs: 10_000 },
  slow: { waiting: 10, deadlineMs: 100_000 },
};
/** Of Retry-After, seconds. */
const RETRY_AFTER = { quick: 1, slow: 5 };

type Lane = 'quick' | 'slow';

/** A question that has no answer yet. */
interface Open {
  readonly lane: Lane;
  readonly message: QuestionMessage;
  /** Answers it, once. */
  readonly settle: (outcome: { readonly answer: unknown } | { readonly error: Error }) => void;
}

/**
 * Two threads, each started with the first question that needs it. The first one answers quick questions alone; the second one slow
 * ones, and quick ones while no slow one waits. A thread that ends fails its question, and the next one starts another.
 */
export class ThreadedQuestions implements ModelQuestions {
  private readonly limits: QuestionLimits;
  private readonly waiting: Readonly<Record<Lane, Open[]>> = { quick: [], slow: [] };
  private readonly threads: readonly { readonly takes: readonly Lane[]; readonly thread: QuestionThread }[];
  private closed = false;

  /** `program`: of the threads. */
  constructor(data: QuestionThreadData, limits: QuestionLimits = LIMITS, program: URL = PROGRAM) {
    this.limits = limits;
    const next = (): void => this.startNext();
    this.threads = [
      { takes: ['quick'], thread: new QuestionThread(program, data, next) },
      { takes: ['slow', 'quick'], thread: new QuestionThread(program, data, next) },
    ];
  }

  ask<Name extends QuestionName>(
    name: Name,
    question: QuestionOf<Name>,
    signal?: AbortSignal,
  ): Promise<AnswerOf<Name>> {
    const lane = isSlow(name) ? 'slow' : 'quick';
    const { waiting, deadlineMs } = this.limits[lane];
    if (this.closed) return Promise.reject(ended());
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.waiting[lane].length >= waiting) return Promise.reject(busy(lane));
    const { promise, resolve, reject } = Promise.withResolvers<AnswerOf<Name>>();
    const open: Open = {
      lane,
      message: { name, question },
      settle: (outcome) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
        if ('answer' in outcome) resolve(outcome.answer as AnswerOf<Name>);
        else reject(outcome.error);
      },
    };
    const timer = setTimeout(() => {
      open.settle({ error: busy(lane) });
      if (this.forget(open)) return;
      for (const { thread } of this.threads) if (thread.open === open) void thread.end();
    }, deadlineMs);
    // A query that runs cannot be stopped: it ends by itself, and nobody takes its answer.
    const leave = (): void => {
      this.forget(open);
      open.settle({ error: signal?.reason as Error });
    };
    signal?.addEventListener('abort', leave);
    this.waiting[lane].push(open);
    this.startNext();
    return promise;
  }

  /** Fails what has no answer, and ends the threads. */
  async close(): Promise<void> {
    this.closed = true;
    for (const open of [...this.waiting.quick.splice(0), ...this.waiting.slow.splice(0)])
      open.settle({ error: ended() });
    await Promise.all(this.threads.map(({ thread }) => thread.end()));
  }

  /** Gives waiting questions to threads that have none. */
  private startNext(): void {
    for (const { takes, thread } of this.threads)
      for (const lane of takes) {
        if (!thread.isFree) break;
        const open = this.waiting[lane].shift();
        if (open !== undefined) thread.start(open);
      }
  }

  /** Whether it was waiting. */
  private forget(open: Open): boolean {
    const queue = this.waiting[open.lane];
    const place = queue.indexOf(open);
    if (place !== -1) queue.splice(place, 1);
    return place !== -1;
  }
}

/** One thread, with one question at a time. */
class QuestionThread {
  /** The question that it has; null = none. */
  open: Open | null = null;
  private readonly program: URL;
  private readonly data: QuestionThreadData;
  private readonly onFree: () => void;
  private worker: Worker | null = null;
  private ending: Promise<unknown> | null = null;

  constructor(program: URL, data: QuestionThreadData, onFree: () => void) {
    this.program = program;
    this.data = data;
    this.onFree = onFree;
  }

  get isFree(): boolean {
    return this.open === null && this.ending === null;
  }

  start(open: Open): void {
    this.open = open;
    this.worker ??= this.startWorker();
    this.worker.postMessage(open.message, []);
  }

  /** Ends the worker as soon as its query has ended; until then it is not free, so that there is never a second one. */
  async end(): Promise<void> {
    const { worker } = this;
    if (worker === null) return;
    this.ending ??= worker.terminate();
    await this.ending;
  }

  private startWorker(): Worker {
    const worker = new Worker(this.program, { workerData: this.data, name: 'questions' });
    worker.unref();
    worker.on('message', (message: AnswerMessage) =>
      this.finish(message.isAnswer ? { answer: message.answer } : { error: errorOf(message) }),
    );
    let cause: unknown = null;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => {
      this.worker = null;
      this.ending = null;
      this.finish({ error: ended(cause) });
    });
    return worker;
  }

  private finish(outcome: Parameters<Open['settle']>[0]): void {
    const { open } = this;
    this.open = null;
    open?.settle(outcome);
    this.onFree();
  }
}

function busy(lane: Lane): ApiError {
  return new ApiError(
    'EASGATE_API_LISTS_BUSY',
    lane === 'quick'
      ? 'too many lists are asked for at the same time: try again'
      : 'too many reports and counts are asked for at the same time, or this one takes too long: try again later, with a narrower filter',
    RETRY_AFTER[lane],
  );
}

function ended(cause: unknown = null): ApiError {
  return new ApiError('EASGATE_API_UNAVAILABLE', 'the thread that reads the lists ended: try again', 1, {
    cause,
  });
}

function errorOf({ code, message }: AnswerMessage & { readonly isAnswer: false }): Error {
  return code !== null && Object.hasOwn(PROGRAM_ERRORS, code)
    ? new ProgramError(code as ProgramErrorCode, message)
    : new Error(message);
}
