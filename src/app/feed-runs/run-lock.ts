// Owns the lock of a feed: of all processes of a directory one runs it at a time. Two would read the source twice, and write what they
// remember over each other.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { LockRecords } from '../../directory/locks.ts';
import { ProgramError } from '../../errors/program-errors.ts';

/** How the lock is taken. */
export interface RunLockOptions {
  /** Who runs the feed, for people. */
  readonly by: string;
  /** Waits while another process runs the feed; else that is an error. */
  readonly waits: boolean;
  readonly signal: AbortSignal;
  /** How long the lock holds without renewal, milliseconds. */
  readonly lockMs?: number;
}

const LOCK_MS = 15_000;
/** Between two tries of a run that waits for the lock. */
const AGAIN_MS = 1_000;

/**
 * Does the work of a run while this process has the lock. A process that ends without giving it back blocks the feed for `lockMs`.
 * @throws ProgramError EASGATE_FEED_BUSY; an error of the store; or what the work throws
 */
export async function withRunLock<Result>(
  locks: LockRecords,
  feed: string,
  { by, waits, signal, lockMs = LOCK_MS }: RunLockOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const name = `feed:${feed}`;
  const token = randomBytes(16).toString('hex');
  const holder = `${by} on ${hostname()}, process ${process.pid}, since ${new Date().toISOString()}`;
  for (;;) {
    const other = await locks.take(name, token, holder, lockMs).catch((error: unknown) => {
      if (!waits) throw error;
      // The store is away: the run says so, and is remembered as failed.
      return null;
    });
    if (other === null) break;
    if (!waits) throw busy(feed, other);
    await pause(AGAIN_MS, undefined, { signal });
  }
  const lost = new AbortController();
  let renewing: Promise<unknown> = Promise.resolve();
  const renew = async (): Promise<void> => {
    try {
      const other = await locks.take(name, token, holder, lockMs);
      if (other !== null) lost.abort(busy(feed, other));
    } catch {
      // The store is away: the writes of the run say so.
    }
  };
  const timer = setInterval(() => {
    renewing = renew();
  }, lockMs / 3);
  try {
    return await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    clearInterval(timer);
    // A renewal after the release would take the lock again.
    await renewing;
    await locks.release(name, token).catch(() => undefined);
  }
}

function busy(feed: string, other: string): ProgramError {
  return new ProgramError(
    'EASGATE_FEED_BUSY',
    `the feed ${feed} runs just now (${other}): wait for its end, then look at easgate feeds status`,
  );
}
