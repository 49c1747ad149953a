// Owns the threads that answer the admin API's questions to the read model: two lanes, bounded queues, deadlines. A page of a list
// does not wait for a report.
import { threadFile } from '../../thread-file.ts';
import { ApiError } from '../problems.ts';
import { AskedThread } from './asked-thread.ts';
import type { OpenQuestion } from './asked-thread.ts';
import { isSlow } from './model-questions.ts';
import type { Asker, ModelAnswerOf, ModelQuestions, QuestionName, QuestionOf } from './model-questions.ts';
import type { QuestionMessage, QuestionThreadData } from './question-thread.ts';

const PROGRAM = threadFile('./question-thread', import.meta.url);

/** Limits of one lane. */
export interface LaneLimits {
  /** Most questions that wait for a thread, of all askers and of one. */
  readonly waiting: number;
  readonly waitingOfOne: number;
  /** From the question to its answer, milliseconds. */
  readonly deadlineMs: number;
}

/** Limits of both lanes. */
export interface QuestionLimits {
  readonly quick: LaneLimits;
  readonly slow: LaneLimits;
}

const LIMITS: QuestionLimits = {
  quick: { waiting: 100, waitingOfOne: 30, deadlineMs: 10_000 },
  slow: { waiting: 10, waitingOfOne: 4, deadlineMs: 100_000 },
};
/** Of Retry-After, seconds. */
const RETRY_AFTER = { quick: 1, slow: 5 };

type Lane = 'quick' | 'slow';

interface Open extends OpenQuestion {
  readonly lane: Lane;
  /** Absent = the API itself. */
  readonly asker: string | undefined;
  readonly message: QuestionMessage;
}

/**
 * Two threads, each started with the first question that needs it. The first one answers quick questions alone; the second one slow
 * ones, and quick ones while no slow one waits. A thread that ends fails its question, and the next one starts another.
 */
export class ThreadedQuestions implements ModelQuestions {
  private readonly limits: QuestionLimits;
  private readonly waiting: Readonly<Record<Lane, Open[]>> = { quick: [], slow: [] };
  private readonly threads: readonly {
    readonly takes: readonly Lane[];
    readonly thread: AskedThread<Open>;
  }[];
  private closed = false;

  /** `program`: of the threads. */
  constructor(data: QuestionThreadData, limits: QuestionLimits = LIMITS, program: URL = PROGRAM) {
    this.limits = limits;
    const next = (): void => this.startNext();
    const options = { workerData: data, name: 'questions' };
    this.threads = [
      { takes: ['quick'], thread: new AskedThread(program, options, ended, next) },
      { takes: ['slow', 'quick'], thread: new AskedThread(program, options, ended, next) },
    ];
  }

  ask<Name extends QuestionName>(
    name: Name,
    question: QuestionOf<Name>,
    { id, signal }: Asker = {},
  ): Promise<ModelAnswerOf<Name>> {
    const lane = isSlow(name) ? 'slow' : 'quick';
    const { waiting, waitingOfOne, deadlineMs } = this.limits[lane];
    if (this.closed) return Promise.reject(ended());
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const own = this.waiting[lane].filter(({ asker }) => id !== undefined && asker === id).length;
    if (this.waiting[lane].length >= waiting || own >= waitingOfOne) return Promise.reject(busy(lane));
    const { promise, resolve, reject } = Promise.withResolvers<ModelAnswerOf<Name>>();
    const open: Open = {
      lane,
      asker: id,
      message: { name, question },
      settle: (outcome) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
        if ('answer' in outcome) resolve(outcome.answer as ModelAnswerOf<Name>);
        else reject(outcome.error);
      },
    };
    const timer = setTimeout(() => {
      open.settle({ error: busy(lane) });
      if (this.forget(open)) return;
      for (const { thread } of this.threads) if (thread.open === open) void thread.end();
    }, deadlineMs);
    // SQLite in Node.js cannot stop a query that runs: it ends by itself, and its answer is dropped.
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
