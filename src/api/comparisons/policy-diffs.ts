// Owns comparisons of policies over the whole directory: they go on by themselves, a few at a time, and are kept for a while.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { PolicyComparison } from '../../app/policy-comparison.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import { ApiError, problemOf } from '../problems.ts';
import type { ComparePolicies } from './threaded-comparison.ts';

const MOST_AT_ONCE = 2;
const MOST_KEPT = 20;
/** A comparison that began less than this ago is used again. */
const FRESH_MS = 60_000;
const KEPT_MS = 15 * 60_000;

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
  readonly compared: Omit<PolicyComparison, 'now'>;
  /** Phones of the directory; null = not known. */
  readonly total: number | null;
  /** Names the texts that the live policy is compared with, as they are; null = the question is another one. */
  readonly ofLive: string | null;
}

/** The comparisons of one process. */
export class PolicyDiffs {
  private readonly runs = new Map<
    string,
    DiffRun & { readonly key: string; readonly ofLive: string | null; readonly ended: Promise<void> }
  >();
  private readonly ending = new AbortController();

  /** Starts a comparison, or joins one of the same that is under way or ended just now. @throws ApiError EASGATE_API_BUSY */
  start(compare: ComparePolicies, { key, compared, total, ofLive }: DiffQuestion, now: number): DiffRun {
    this.forget(now);
    const all = [...this.runs.values()];
    const same = all.find(
      (run) =>
        run.key === key &&
        (run.state === 'running' || (run.state === 'done' && Math.abs(now - run.startedAt) < FRESH_MS)),
    );
    if (same !== undefined) return same;
    if (all.filter(({ state }) => state === 'running').length >= MOST_AT_ONCE)
      throw new ApiError(
        'EASGATE_API_BUSY',
        `${MOST_AT_ONCE} comparisons are under way: try again later`,
        10,
      );
    const run = {
      id: randomBytes(9).toString('base64url'),
      key,
      ofLive,
      state: 'running' as DiffRun['state'],
      compared: 0,
      total,
      startedAt: now,
      diff: null as DiffRun['diff'],
      error: null as DiffRun['error'],
      ended: Promise.resolve(),
    };
    const { signal } = this.ending;
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
        const { code, detail } = problemOf(error, '');
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
    const ended = [...this.runs.values()].filter(({ state }) => state !== 'running');
    for (const [index, { id, startedAt }] of ended.toReversed().entries())
      if (index >= MOST_KEPT - 1 || Math.abs(now - startedAt) > KEPT_MS) this.runs.delete(id);
  }
}
