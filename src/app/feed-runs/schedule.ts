// Owns when feeds run: schedules, waits after failures, and the moment a feed is stale. Pure, but for `random`.
import { Cron } from 'croner';
import type { FeedState } from './feed-state.ts';
import type { ReceivedFeed } from '../received/received-feeds.ts';
import type { Feed } from './run-feed.ts';

const FIRST_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 3_600_000;
/** The clock is corrected by less than this now and then. */
const CLOCK_STEP_MS = 60_000;

/** The first moment of a schedule after `after`, milliseconds since the epoch; null = none. */
export function nextRun(schedule: string, after: number): number | null {
  return new Cron(schedule).nextRun(new Date(after))?.getTime() ?? null;
}

/**
 * The first run after the last one that was applied. A last run in the future means that the clock was set back meanwhile: the run
 * is due now, not when the clock gets there again.
 */
export function runAfterLast(schedule: string, lastSuccessAt: number | null, now: number): number | null {
  return nextRun(schedule, lastSuccessAt === null || lastSuccessAt > now ? 0 : lastSuccessAt);
}

/** The wait after so many failures in a row: it doubles, up to an hour, and is spread, so that not all gateways ask at once. */
export function backOff(failures: number, retryAfter: number | null, random = Math.random): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 20));
  return Math.max(longest * (0.5 + random() / 2), Math.min(retryAfter ?? 0, LONGEST_WAIT_MS));
}

/** How a feed is, for lists, metrics and warnings. A cursor may hold a token of the source, and is none of it. */
export interface FeedHealth {
  readonly name: string;
  readonly kind: string;
  /** What somebody has to do comes first: what a brake holds waits for an operator, however old the data is meanwhile. */
  readonly state: 'ok' | 'held' | 'failing' | 'stale' | 'never run';
  /** It has missed `staleAfter` of its runs, or the delivery that was expected; held or not. */
  readonly isStale: boolean;
  /** Milliseconds since the last run that was applied; null = never. */
  readonly lagMs: number | null;
  /** When it runs next, milliseconds since the epoch; null = never. */
  readonly nextAt: number | null;
  /** Without the cursor: it may hold a token of the source. */
  readonly remembered: Omit<FeedState, 'cursor'>;
}

/** What of a feed its health depends on. */
export interface ScheduledFeed extends Pick<Feed, 'name' | 'schedule' | 'staleAfter'> {
  readonly adapter: { readonly kind: string };
}

/** The health of a feed at `now`. Of one that is sent its records a delivery is a run. */
export function healthOf(feed: ScheduledFeed | ReceivedFeed, remembered: FeedState, now: number): FeedHealth {
  const { cursor: _cursor, ...shown } = remembered;
  const { lastSuccessAt, held, error } = shown;
  // Of a last run in the future nobody knows how long ago it was: the clock was set back.
  const isAhead = (lastSuccessAt ?? 0) > now + CLOCK_STEP_MS;
  const isSent = 'expectedMs' in feed;
  const missed =
    lastSuccessAt === null
      ? null
      : isSent
        ? deliveryBefore(feed, lastSuccessAt)
        : runAfter(feed, lastSuccessAt);
  const isStale = isAhead || (missed !== null && missed < now);
  const state =
    held !== null
      ? 'held'
      : isStale
        ? 'stale'
        : error !== null
          ? 'failing'
          : lastSuccessAt === null
            ? 'never run'
            : 'ok';
  return {
    name: feed.name,
    kind: isSent ? feed.kind : feed.adapter.kind,
    state,
    isStale,
    lagMs: lastSuccessAt === null ? null : Math.max(0, now - lastSuccessAt),
    nextAt: isSent ? null : nextRun(feed.schedule, now),
    remembered: shown,
  };
}

/** When the next delivery is expected at the latest; null = at any time. */
function deliveryBefore({ expectedMs }: ReceivedFeed, at: number): number | null {
  return expectedMs === null ? null : at + expectedMs;
}

/** The run that makes a feed stale if it is missed too. */
function runAfter({ schedule, staleAfter }: ScheduledFeed, at: number): number | null {
  return new Cron(schedule).nextRuns(staleAfter, new Date(at)).at(-1)?.getTime() ?? null;
}
