// Owns one run of a feed: full or incremental, applied behind the brakes, remembered for the next one.
import { failureOf } from '../../directory/failure.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { FeedError } from '../../feeds/contract.ts';
import type { FeedAdapter, FeedPart } from '../../feeds/contract.ts';
import { applyLines } from '../apply-lines.ts';
import type { ApplyOutcome } from '../apply-outcome.ts';
import { auditedRun } from '../audited-run.ts';
import type { Operator } from '../audited-run.ts';
import type { Brakes } from '../brakes.ts';
import { stateAfter } from './feed-state.ts';
import type { FeedState, FeedStates } from './feed-state.ts';
import { withRunLock } from './run-lock.ts';

/** A configured feed. */
export interface Feed {
  readonly name: string;
  /** When it runs, as cron has it. */
  readonly schedule: string;
  readonly fullEveryMs: number;
  /** Missed runs after which it is stale. */
  readonly staleAfter: number;
  readonly brakes: Brakes;
  readonly joinBy?: readonly string[] | undefined;
  readonly allowDecisions: boolean;
  readonly adapter: FeedAdapter;
}

/** How a run is to be made. */
export interface RunOptions {
  /** Somebody confirmed what the brakes hold. */
  readonly confirmed?: boolean;
  /** Everything is computed; nothing is written or remembered. */
  readonly dryRun?: boolean;
  /** Of the leader that writes (directory/lease.ts); absent = an operator writes. */
  readonly fence?: number;
  readonly signal: AbortSignal;
  readonly progress?: (phase: 'read' | 'written', count: number) => void;
}

/**
 * Runs a feed once. A failure is remembered, and thrown.
 * @throws FeedError, or an error of the store
 */
export async function runFeed(
  store: DirectoryStore,
  states: FeedStates,
  feed: Feed,
  options: RunOptions,
): Promise<ApplyOutcome> {
  const before = await states.read(feed.name);
  const startedAt = Date.now();
  const cursor = isFullDue(feed, before.lastFullAt, startedAt) ? null : before.cursor;
  const remember = async (state: Partial<FeedState>): Promise<void> => {
    if (options.dryRun !== true)
      await states.write(feed.name, { ...before, lastTriedAt: startedAt, ...state });
  };
  try {
    const made = await attempt(store, feed, cursor, startedAt, options);
    await remember(stateOf(made, startedAt));
    if (options.dryRun !== true && made.outcome.held.length === 0) await feed.adapter.applied?.(made.cursor);
    return made.outcome;
  } catch (error) {
    // Where that cannot be written, the failure itself is still what is reported, with the wait that the source asked for.
    if (!options.signal.aborted)
      await remember({ failures: before.failures + 1, error: failure(error) }).catch(() => undefined);
    throw error;
  }
}

function isFullDue({ adapter, fullEveryMs }: Feed, lastFullAt: number | null, now: number): boolean {
  if (adapter.keepsCursor === true) return false;
  // A clock that was set back must not put a full run off.
  return lastFullAt === null || now - lastFullAt >= fullEveryMs || lastFullAt > now;
}

/**
 * Runs a feed once for an operator, with an entry in the audit.
 * @throws ProgramError EASGATE_FEED_BUSY where it runs already, in this process or another; and like {@link runFeed}
 */
export function runFeedByHand(
  store: DirectoryStore,
  states: FeedStates,
  feed: Feed,
  options: RunOptions,
  operator: Operator,
): Promise<ApplyOutcome> {
  const { confirmed = false, dryRun = false, progress } = options;
  const operation = confirmed ? 'feed_confirm' : 'feed_run';
  const { by } = operator;
  return withRunLock(store.locks, feed.name, { by, waits: false, signal: options.signal }, (signal) =>
    auditedRun(operator, { operation, source: feed.name, dryRun, progress }, (onProgress) =>
      runFeed(store, states, feed, { ...options, signal, progress: onProgress }),
    ),
  );
}

interface Made {
  readonly outcome: ApplyOutcome;
  readonly isFull: boolean;
  readonly cursor: string | null;
}

async function attempt(
  store: DirectoryStore,
  feed: Feed,
  cursor: string | null,
  startedAt: number,
  options: RunOptions,
): Promise<Made> {
  let next: string | null = null;
  const parts = async function* (): AsyncGenerator<FeedPart> {
    for await (const part of feed.adapter.run(cursor, options.signal)) {
      next = part.cursor ?? next;
      yield part;
    }
  };
  try {
    const outcome = await applyLines(store, parts(), {
      source: feed.name,
      readAt: startedAt,
      now: startedAt,
      whole: cursor === null ? feed.adapter.complete : [],
      brakes: feed.brakes,
      joinBy: feed.joinBy,
      confirmed: options.confirmed ?? false,
      allowDecisions: feed.allowDecisions,
      dryRun: options.dryRun ?? false,
      fence: options.fence,
      signal: options.signal,
      progress: options.progress,
    });
    return { outcome, isFull: cursor === null, cursor: next };
  } catch (error) {
    // Nothing was written: the source was read as a whole before.
    if (cursor === null || !(error instanceof FeedError) || error.code !== 'EASGATE_FEED_CURSOR') throw error;
    return attempt(store, feed, null, startedAt, options);
  }
}

function stateOf({ outcome, isFull, cursor }: Made, startedAt: number): Partial<FeedState> {
  // What was held was not applied: the next run begins where this one did.
  if (outcome.held.length > 0)
    return { held: { at: startedAt, reasons: [...outcome.held] }, failures: 0, error: null };
  return { cursor, ...stateAfter(outcome, startedAt, isFull) };
}

const MAX_MESSAGE = 500;

/** What is remembered of a failure. */
export function failure(error: unknown): NonNullable<FeedState['error']> {
  const { code, message } = failureOf(error);
  return { at: Date.now(), code, message: message.slice(0, MAX_MESSAGE) };
}
