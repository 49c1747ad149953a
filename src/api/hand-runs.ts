// Owns the runs of feeds that somebody started through the API: they go on by themselves; the latest of each feed is remembered.
import { setTimeout as pause } from 'node:timers/promises';
import type { ApplyOutcome } from '../app/apply-outcome.ts';
import type { HandRunOptions } from '../app/feed-runs/start-feeds.ts';
import { failureOf } from '../directory/failure.ts';

/** A run. Times: milliseconds since the epoch. */
export interface HandRun {
  readonly by: string;
  readonly startedAt: number;
  /** Null = it is under way. */
  endedAt: number | null;
  readonly dryRun: boolean;
  readonly confirmed: boolean;
  /** Records so far. */
  read: number;
  written: number;
  outcome: ApplyOutcome | null;
  error: { readonly code: string; readonly message: string } | null;
}

/** The latest run of each feed. */
export class HandRuns {
  private readonly runs = new Map<string, HandRun>();

  /** Null = none was started here. */
  of(feed: string): HandRun | null {
    return this.runs.get(feed) ?? null;
  }

  /** Starts a run, and waits for its end for `waitMs` at most. Rejects with the error of a run that failed within this time. */
  async start(
    feed: string,
    by: string,
    { confirmed = false, dryRun = false }: HandRunOptions,
    now: number,
    {
      waitMs,
      work,
    }: { readonly waitMs: number; readonly work: (options: HandRunOptions) => Promise<ApplyOutcome> },
  ): Promise<HandRun> {
    const run: HandRun = {
      by,
      startedAt: now,
      endedAt: null,
      dryRun,
      confirmed,
      read: 0,
      written: 0,
      outcome: null,
      error: null,
    };
    const before = this.runs.get(feed);
    // One that is under way stays: the feed refuses another one.
    if (before === undefined || before.endedAt !== null) this.runs.set(feed, run);
    const timer = new AbortController();
    const working = work({ confirmed, dryRun, progress: (phase, count) => (run[phase] = count) });
    const ended = working.then(
      (outcome) => {
        run.outcome = outcome;
      },
      (error: unknown) => {
        run.error = failureOf(error);
      },
    );
    const settled = ended.then(() => {
      run.endedAt = Date.now();
      timer.abort();
    });
    await Promise.race([settled, pause(waitMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    if (run.error !== null) await working;
    return run;
  }
}
