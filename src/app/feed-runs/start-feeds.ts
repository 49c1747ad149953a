// Owns the feeds of a running process: each runs by its schedule, one run at a time, until it is closed.
import { setTimeout } from 'node:timers/promises';
import { monotonicAt, monotonicNow } from '../../clock.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { FeedError } from '../../feeds/contract.ts';
import type { ApplyOutcome } from '../apply-outcome.ts';
import type { FeedStates } from './feed-state.ts';
import type { Operator } from '../audited-run.ts';
import { feedNamed } from './configured-feeds.ts';
import { runFeed, runFeedByHand } from './run-feed.ts';
import type { Feed, RunOptions } from './run-feed.ts';
import { withRunLock } from './run-lock.ts';
import { backOff, nextRun, runAfterLast } from './schedule.ts';

/** Notifications about running feeds. */
export interface FeedEvents {
  onRun(feed: Feed, outcome: ApplyOutcome, tookMs: number): void;
  onFailure(feed: Feed, error: unknown, tookMs: number): void;
}

/** How an operator starts a run. */
export type HandRunOptions = Pick<RunOptions, 'confirmed' | 'dryRun' | 'progress'>;

/** Running feeds. */
export interface RunningFeeds {
  /**
   * Runs a feed now, for an operator. The schedule is not affected.
   * @throws ProgramError EASGATE_NOT_FOUND, EASGATE_FEED_BUSY; FeedError, or an error of the store
   */
  run(name: string, options: HandRunOptions, operator: Operator): Promise<ApplyOutcome>;
  /** Ends runs that are under way, which then have written nothing more, and resolves when all have ended. */
  close(): Promise<void>;
  /** Runs a feed now. Calls while it runs or waits make one more run together. A feed that fails keeps its pauses. */
  runNow(name: string): void;
}

/** Between two runs of a feed that were asked for, milliseconds. */
const ASKED_GAP_MS = 30_000;

/** Runs that are asked for between those of the schedule. */
class AskedRuns {
  private asked = new AbortController();

  /** Aborted while a run is asked for. */
  get signal(): AbortSignal {
    return this.asked.signal;
  }

  ask(): void {
    this.asked.abort();
  }

  /** A run begins: what is asked for from now on is another one. */
  begin(): void {
    if (this.asked.signal.aborted) this.asked = new AbortController();
  }
}

/** A timer takes no more than 2^31 ms; the clock may be set meanwhile. */
const LONGEST_SLEEP_MS = 60_000;

/** Starts the feeds. A feed whose last scheduled run was missed runs at once. Only the leader of a fleet does this: `fence` is its. */
export function startFeeds(
  store: DirectoryStore,
  states: FeedStates,
  feeds: readonly Feed[],
  events: FeedEvents,
  fence: number,
): RunningFeeds {
  const closing = new AbortController();
  const leading = { signal: closing.signal, fence };
  const asked = new Map(feeds.map(({ name }) => [name, new AskedRuns()]));
  const places = new Map(feeds.map(({ name }) => [name, new RunPlace()]));
  const placeOf = (name: string): RunPlace => places.get(name) ?? new RunPlace();
  const loops = feeds.map((feed) =>
    loop(store, states, feed, events, {
      ...leading,
      asked: asked.get(feed.name) ?? new AskedRuns(),
      place: placeOf(feed.name),
    }),
  );
  for (const { name, adapter } of feeds) adapter.watch?.(() => asked.get(name)?.ask(), closing.signal);
  return {
    runNow: (name) => asked.get(name)?.ask(),
    run: async (name, options, operator) => {
      const feed = feedNamed(feeds, name);
      return placeOf(name).runNow(() =>
        runFeedByHand(store, states, feed, { ...options, ...leading }, operator),
      );
    },
    close: async () => {
      closing.abort();
      await Promise.all([...loops, ...[...places.values()].map((place) => place.idle())]);
    },
  };
}

/** One run of a feed at a time in this process; across processes see run-lock.ts. */
class RunPlace {
  private running: Promise<unknown> | null = null;

  /** Waits for the run before. */
  async runAfter<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.idle();
    return this.take(work);
  }

  /** @throws ProgramError EASGATE_FEED_BUSY */
  async runNow<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running !== null)
      throw new ProgramError('EASGATE_FEED_BUSY', 'the feed runs just now: wait for its end, then look');
    return this.take(work);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async take<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = work();
    const ended = run.then(nothing, nothing);
    this.running = ended;
    try {
      return await run;
    } finally {
      if (this.running === ended) this.running = null;
    }
  }
}

function nothing(): void {
  // whoever started the run hears of its end
}

async function loop(
  store: DirectoryStore,
  states: FeedStates,
  feed: Feed,
  events: FeedEvents,
  {
    asked,
    place,
    ...leading
  }: Pick<RunOptions, 'signal'> & {
    readonly fence: number;
    readonly asked: AskedRuns;
    readonly place: RunPlace;
  },
): Promise<void> {
  const { signal } = leading;
  let dueAt = runAfterLast(feed.schedule, (await states.read(feed.name)).lastSuccessAt, Date.now());
  let failures = 0;
  let endedAt = -Infinity;
  while (dueAt !== null) {
    if (!(await sleepUntil(dueAt, signal, failures === 0 ? asked.signal : signal))) return;
    const isEarly = asked.signal.aborted && Date.now() < dueAt;
    const gap = isEarly ? endedAt + ASKED_GAP_MS - monotonicNow() : 0;
    if (gap > 0 && !(await sleepUntil(Date.now() + gap, signal, signal))) return;
    asked.begin();
    let startedAt = monotonicNow();
    const run = (locked: AbortSignal): Promise<ApplyOutcome> => {
      startedAt = monotonicNow();
      return runFeed(store, states, feed, { ...leading, signal: locked });
    };
    try {
      const outcome = await place.runAfter(() =>
        withRunLock(store.locks, feed.name, { by: 'its schedule', waits: true, signal }, run),
      );
      events.onRun(feed, outcome, monotonicNow() - startedAt);
      failures = 0;
      dueAt = nextRun(feed.schedule, Date.now());
      endedAt = monotonicNow();
    } catch (error) {
      if (signal.aborted) return;
      events.onFailure(feed, error, monotonicNow() - startedAt);
      failures++;
      dueAt = Date.now() + backOff(failures, error instanceof FeedError ? error.retryAfter : null);
    }
  }
}

/** False = it was closed. `early` ends the sleep too. A clock that is set back does not prolong it. */
async function sleepUntil(at: number, signal: AbortSignal, early: AbortSignal): Promise<boolean> {
  const end = monotonicAt(at, monotonicNow(), Date.now());
  const left = (): number => Math.min(at - Date.now(), end - monotonicNow());
  try {
    const either = AbortSignal.any([signal, early]);
    for (let ms = left(); !either.aborted && ms > 0; ms = left())
      await setTimeout(Math.min(ms, LONGEST_SLEEP_MS), undefined, { signal: either });
  } catch {
    // One of the signals ended it.
  }
  return !signal.aborted;
}
