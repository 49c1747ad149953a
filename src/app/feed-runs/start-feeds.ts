// Owns the feeds of a running process: each runs by its schedule, one run at a time, until it is closed.
import { setTimeout } from 'node:timers/promises';
import { monotonicAt, monotonicNow } from '../../clock.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { FeedError } from '../../feeds/contract.ts';
import type { ApplyOutcome } from '../apply-outcome.ts';
import type { FeedStates } from './feed-state.ts';
import { runFeed } from './run-feed.ts';
import type { Feed, RunOptions } from './run-feed.ts';
import { backOff, nextRun, runAfterLast } from './schedule.ts';

/** Notifications about running feeds. */
export interface FeedEvents {
  onRun(feed: Feed, outcome: ApplyOutcome, tookMs: number): void;
  onFailure(feed: Feed, error: unknown, tookMs: number): void;
}

/** Running feeds. */
export interface RunningFeeds {
  /** Ends runs that are under way, which then have written nothing more, and resolves when all have ended. */
  close(): Promise<void>;
  /** Runs a feed now. While it runs or waits already, any number of calls is one more run. A feed that fails keeps its pauses. */
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
  const asked = new Map(feeds.map(({ name }) => [name, new AskedRuns()]));
  const loops = feeds.map((feed) =>
    loop(store, states, feed, events, {
      signal: closing.signal,
      fence,
      asked: asked.get(feed.name) ?? new AskedRuns(),
    }),
  );
  return {
    runNow: (name) => asked.get(name)?.ask(),
    close: async () => {
      closing.abort();
      await Promise.all(loops);
    },
  };
}

async function loop(
  store: DirectoryStore,
  states: FeedStates,
  feed: Feed,
  events: FeedEvents,
  { asked, ...leading }: Pick<RunOptions, 'signal'> & { readonly fence: number; readonly asked: AskedRuns },
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
    const startedAt = monotonicNow();
    try {
      const outcome = await runFeed(store, states, feed, leading);
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
