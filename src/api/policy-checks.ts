// Owns checks of policies' texts in a thread of their own: a bounded queue, a limit on time and memory, the latest results.
import { createHash } from 'node:crypto';
import type { CheckedText, PolicyMode } from '../app/policy-texts.ts';
import type { Simulation } from '../app/simulate.ts';
import type { CheckedMapping } from '../config/feed-mapping.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import type { Known } from '../policy/compile/warnings.ts';
import { threadFile } from '../thread-file.ts';
import type { PolicyQuestion } from './policy-thread.ts';
import { ApiError } from './problems.ts';
import { AskedThread } from './questions/asked-thread.ts';
import type { OpenQuestion, Outcome } from './questions/asked-thread.ts';

/** Limits on what callers can cause. */
export interface CheckLimits {
  /** Most questions that wait for the thread, of all callers and of one. */
  readonly waiting: number;
  readonly waitingOfOne: number;
  /** From the moment when the thread takes a question to its answer, milliseconds. */
  readonly workMs: number;
}

const LIMITS: CheckLimits = { waiting: 8, waitingOfOne: 3, workMs: 10_000 };
/** Longest start of the thread, which is no cost of a text: a busy machine takes seconds. */
const START_MS = 60_000;
/** Of the thread: the largest document takes about a tenth. */
const MEMORY_MB = 512;
/** Results that are kept: a text is checked, compared and published one after the other. */
const KEPT = 8;
const RETRY_AFTER = 5;
const PROGRAM = threadFile('./policy-thread', import.meta.url);

interface Open extends OpenQuestion {
  readonly message: PolicyQuestion;
  readonly caller: string;
}

/** The checks of one process. The thread is started with the first one. */
export class PolicyChecks {
  private readonly limits: CheckLimits;
  private readonly waiting: Open[] = [];
  private readonly thread: AskedThread<Open>;
  private timer: NodeJS.Timeout | null = null;
  /** The caller of the latest question. */
  private served: string | null = null;
  private readonly kept = new Map<string, Promise<CheckedText>>();
  private closed = false;

  /** `program`: of the thread. */
  constructor(limits: CheckLimits = LIMITS, program: URL = PROGRAM) {
    this.limits = limits;
    const options = { name: 'policies', resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } };
    this.thread = new AskedThread(
      program,
      options,
      failed,
      () => this.startNext(),
      () => this.limit(this.limits.workMs, costly),
    );
  }

  /**
   * Checks texts, as checkTexts does. `caller`: whom the limits are about; `known`: names that are known, for warnings. Rejects with ApiError EASGATE_API_POLICY_COSTLY,
   * EASGATE_API_BUSY, and as checkTexts does.
   */
  check(
    caller: string,
    { document, lists }: PolicyTexts,
    mode?: PolicyMode,
    known: Known = {},
  ): Promise<CheckedText> {
    const texts = { document, lists };
    const names = Object.values(known).map((one) => [...one]);
    return kept(this.kept, keyOf([document, lists, mode, names]), () => {
      return this.ask(caller, { name: 'check', texts, mode, known }) as Promise<CheckedText>;
    });
  }

  /** Decides made-up facts, as simulate does. Rejects as {@link check}, and as simulate does. */
  simulate(caller: string, texts: PolicyTexts, simulation: Simulation, now: number): Promise<object> {
    return this.ask(caller, { name: 'simulate', texts, simulation, now }) as Promise<object>;
  }

  /** Checks the mapping of a file. Rejects as {@link check}. */
  mapping(caller: string, text: string): Promise<CheckedMapping> {
    const texts = { document: text, lists: {} };
    return this.ask(caller, { name: 'mapping', texts }) as Promise<CheckedMapping>;
  }

  /** Fails what has no answer, and ends the thread. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { settle } of this.waiting.splice(0)) settle({ error: failed(null) });
    if (this.timer !== null) clearTimeout(this.timer);
    await this.thread.end();
  }

  private ask(caller: string, message: PolicyQuestion): Promise<unknown> {
    if (this.closed) return Promise.reject(failed(null));
    const { waiting, waitingOfOne } = this.limits;
    const own = this.waiting.filter((open) => open.caller === caller).length;
    if (this.waiting.length >= waiting || own >= waitingOfOne) return Promise.reject(busy());
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const settle = (outcome: Outcome): void => {
      if ('answer' in outcome) resolve(outcome.answer);
      else reject(outcome.error);
    };
    this.waiting.push({ message, caller, settle });
    this.startNext();
    return promise;
  }

  private startNext(): void {
    if (!this.thread.isFree) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const open = this.takeNext();
    if (open === null) return;
    // First: a thread that cannot be started takes the next question at once.
    this.limit(START_MS, failed);
    this.thread.start(open);
  }

  /** Ends the thread unless it has answered its question within this time. */
  private limit(milliseconds: number, error: () => ApiError): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.thread.open?.settle({ error: error() });
      void this.thread.end();
    }, milliseconds);
  }

  /** Callers take turns: one with many costly texts does not delay the others by all of them. */
  private takeNext(): Open | null {
    const place = this.waiting.findIndex(({ caller }) => caller !== this.served);
    const [open] = this.waiting.splice(Math.max(place, 0), 1);
    this.served = open?.caller ?? null;
    return open ?? null;
  }
}

function keyOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

/** The kept result of a key, else that of the work; a failure is not kept. */
function kept<Value>(
  results: Map<string, Promise<Value>>,
  key: string,
  work: () => Promise<Value>,
): Promise<Value> {
  const before = results.get(key);
  if (before !== undefined) return before;
  const result = work();
  results.set(key, result);
  result.catch(() => results.delete(key));
  const [oldest] = results.keys();
  if (results.size > KEPT && oldest !== undefined) results.delete(oldest);
  return result;
}

function busy(): ApiError {
  return new ApiError(
    'EASGATE_API_BUSY',
    'too many texts of policies are checked at the same time: try again later',
    RETRY_AFTER,
  );
}

function costly(cause: unknown = null): ApiError {
  return new ApiError(
    'EASGATE_API_POLICY_COSTLY',
    'the text takes too long to check, or too much memory: write it shorter, with fewer levels and anchors',
    null,
    { cause },
  );
}

/** The error of a question whose thread ended. */
function failed(cause: unknown = null): ApiError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return costly(cause);
  const message = 'the thread that checks policies ended: try again';
  return new ApiError('EASGATE_API_UNAVAILABLE', message, 1, { cause });
}
