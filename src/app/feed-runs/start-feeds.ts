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
  onRun(feed: Feed, outcome: ApplyOutcome): void;
  onFailure(feed: Feed, error: unknown): void;
}

/** Running feeds. */
export interface RunningFeeds {
  /** Ends runs that are under way, which then have written nothing more, and resolves when all have ended. */
  close(): Promise<void>;
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
  const loops = feeds.map((feed) => loop(store, states, feed, events, { signal: closing.signal, fence }));
  return {
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
  leading: Pick<RunOptions, 'signal'> & { readonly fence: number },
): Promise<void> {
  const { signal } = leading;
  let dueAt = runAfterLast(feed.schedule, (await states.read(feed.name)).lastSuccessAt, Date.now());
  let failures = 0;
  while (dueAt !== null && (await sleepUntil(dueAt, signal))) {
    try {
      events.onRun(feed, await runFeed(store, states, feed, leading));
      failures = 0;
      dueAt = nextRun(feed.schedule, Date.now());
    } catch (error) {
      if (signal.aborted) return;
      events.onFailure(feed, error);
      failures++;
      dueAt = Date.now() + backOff(failures, error instanceof FeedError ? error.retryAfter : null);
    }
  }
}

/** False = it was closed. A clock that is set back does not prolong the sleep. */
async function sleepUntil(at: number, signal: AbortSignal): Promise<boolean> {
  const end = monotonicAt(at, monotonicNow(), Date.now());
  const left = (): number => Math.min(at - Date.now(), end - monotonicNow());
  try {
    for (let ms = left(); !signal.aborted && ms > 0; ms = left())
      await setTimeout(Math.min(ms, LONGEST_SLEEP_MS), undefined, { signal });
  } catch {
    return false;
  }
  return !signal.aborted;
}
