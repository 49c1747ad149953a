// Owns comparisons of policies over the whole directory: they go on by themselves, a few at a time, and are kept for a while.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { PolicyComparison } from '../../app/policy-comparison.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import { ApiError, problemOf } from '../problems.ts';
import type { ComparePolicies } from './threaded-comparison.ts';

/** Of all callers, and of one: nobody can keep the others from comparing. */
const MOST_AT_ONCE = 3;
const MOST_OF_ONE = 2;
/** Ended ones, of all callers and of one; and the phones in all of them, which are what takes memory. */
const MOST_KEPT = 20;
const MOST_KEPT_OF_ONE = 8;
const MOST_PHONES = 300_000;
/** A comparison that began less than this ago is used again. */
const FRESH_MS = 60_000;
const KEPT_MS = 15 * 60_000;
/** Longest comparison: with a million phones it takes a minute or two. */
const LONGEST_MS = 10 * 60_000;

/** A comparison. Times: milliseconds since the epoch. */
export interface DiffRun {
  readonly id: string;
  state: 'running' | 'done' | 'failed';
  compared: number;
  readonly total: number | null;
  readonly startedAt: number;
  diff: PolicyDiff | null;
  error: { readonly code: string; readonly message: string } | null;
}

/** What is compared; runs with the same `key` are one. */
export interface DiffQuestion {
  readonly key: string;
  /** Whom limits are about. */
  readonly caller: string;
  readonly compared: Omit<PolicyComparison, 'now'>;
  /** Phones of the directory; null = not known. */
  readonly total: number | null;
  /** Names the texts that the live policy is compared with, as they are; null = the question is another one. */
  readonly ofLive: string | null;
}

/** The comparisons of one process. */
export class PolicyDiffs {
  private readonly runs = new Map<string, Kept>();
  private readonly ending = new AbortController();
  private readonly longestMs: number;

  /** `longestMs`: of a comparison. */
  constructor(longestMs = LONGEST_MS) {
    this.longestMs = longestMs;
  }

  /** Starts a comparison, or joins one of the same that is under way or ended just now. @throws ApiError EASGATE_API_BUSY */
  start(compare: ComparePolicies, question: DiffQuestion, now: number): DiffRun {
    const { key, caller, compared, total, ofLive } = question;
    this.forget(now);
    const all = [...this.runs.values()];
    const same = all.find(
      (run) =>
        run.key === key &&
        (run.state === 'running' || (run.state === 'done' && Math.abs(now - run.startedAt) < FRESH_MS)),
    );
    if (same !== undefined) return same;
    const running = all.filter(({ state }) => state === 'running');
    const own = running.filter((run) => run.caller === caller);
    if (running.length >= MOST_AT_ONCE || own.length >= MOST_OF_ONE)
      throw new ApiError(
        'EASGATE_API_BUSY',
        `${own.length >= MOST_OF_ONE ? MOST_OF_ONE : MOST_AT_ONCE} comparisons are under way: try again later`,
        10,
      );
    const run = {
      id: randomBytes(9).toString('base64url'),
      key,
      caller,
      ofLive,
      state: 'running' as DiffRun['state'],
      compared: 0,
      total,
      startedAt: now,
      diff: null as DiffRun['diff'],
      error: null as DiffRun['error'],
      ended: Promise.resolve(),
    };
    const longest = AbortSignal.timeout(this.longestMs);
    const signal = AbortSignal.any([this.ending.signal, longest]);
    const onProgress = (done: number): void => {
      run.compared = done;
    };
    run.ended = compare({ ...compared, now }, onProgress, signal).then(
      (diff) => {
        run.diff = diff;
        run.compared = diff.compared;
        run.state = 'done';
      },
      (error: unknown) => {
        // As the answer to a request would say it: without paths and hosts.
        const { code, detail } = problemOf(longest.aborted ? tooLong() : error, '');
        run.error = { code, message: detail };
        run.state = 'failed';
      },
    );
    this.runs.set(run.id, run);
    return run;
  }

  /** What the comparison of the live policy with the texts of this name found; null = there was none. */
  found(ofLive: string): PolicyDiff | null {
    return [...this.runs.values()].findLast((run) => run.ofLive === ofLive)?.diff ?? null;
  }

  /** @throws ApiError where there is none of this id, or no longer */
  get(id: string, now: number): DiffRun {
    this.forget(now);
    const run = this.runs.get(id);
    if (run === undefined)
      throw new ApiError(
        'EASGATE_API_NOT_FOUND',
        'there is no such comparison, or it was forgotten: start it again',
      );
    return run;
  }

  /** Waits for the end of a comparison, for so long at most, milliseconds. */
  async waitFor({ id }: DiffRun, milliseconds: number): Promise<void> {
    const timer = new AbortController();
    const late = pause(milliseconds, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.runs.get(id)?.ended, late]);
    timer.abort();
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.all([...this.runs.values()].map(({ ended }) => ended));
  }

  private forget(now: number): void {
    let [kept, phones] = [0, 0];
    const ofCaller = new Map<string, number>();
    const ended = [...this.runs.values()].filter(({ state }) => state !== 'running');
    for (const { id, caller, startedAt, diff } of ended.toReversed()) {
      const own = (ofCaller.get(caller) ?? 0) + 1;
      const all = phones + (diff?.phones.length ?? 0);
      const isTooMany = kept >= MOST_KEPT - 1 || own > MOST_KEPT_OF_ONE || (all > MOST_PHONES && kept > 0);
      if (isTooMany || Math.abs(now - startedAt) > KEPT_MS) {
        this.runs.delete(id);
        continue;
      }
      ofCaller.set(caller, own);
      kept += 1;
      phones = all;
    }
  }
}

type Kept = DiffRun & {
  readonly key: string;
  readonly caller: string;
  readonly ofLive: string | null;
  readonly ended: Promise<void>;
};

function tooLong(): ApiError {
  return new ApiError(
    'EASGATE_API_POLICY_COSTLY',
    'the comparison takes too long: write the policy shorter, with fewer rules',
  );
}
