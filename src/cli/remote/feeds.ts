// Owns feeds and their runs that come from an admin API.
import { setTimeout as pause } from 'node:timers/promises';
import type { ApplyOutcome } from '../../app/apply-outcome.ts';
import type { FeedHealth } from '../../app/feed-runs/schedule.ts';
import { Progress } from '../progress.ts';
import { RemoteError, ask } from './client.ts';
import type { Context } from './contexts.ts';
import type { RemoteFeed } from './documents.ts';

/** Between two questions about a run that is under way. */
const AGAIN_MS = 1_000;

/** The feeds of a gateway, in the order of precedence. `waiting`: for how long. @throws RemoteError */
export async function remoteFeeds(
  context: Context,
  waiting: { readonly waitMs?: number } = {},
): Promise<readonly FeedHealth[]> {
  const rows = await rowsOf(context, waiting);
  return rows.map(({ schedule: _schedule, byHand: _byHand, ...health }) => health);
}

async function rowsOf(
  context: Context,
  waiting: { readonly waitMs?: number } = {},
): Promise<readonly RemoteFeed[]> {
  return (await ask(context, 'listFeeds', waiting)).rows;
}

/**
 * Runs a feed at the gateway, and waits for the end of the run. Null = nothing runs: the next delivery to the feed is written.
 * @throws RemoteError
 */
export async function remoteRun(
  context: Context,
  name: string,
  how: 'run' | 'dryRun' | 'confirm',
): Promise<ApplyOutcome | null> {
  const params = { feed: name };
  const answer =
    how === 'confirm'
      ? await ask(context, 'confirmFeed', { params })
      : await ask(context, 'runFeed', { params, body: { dryRun: how === 'dryRun' } });
  let { run } = answer;
  if (run === null) return null;
  const { startedAt } = run;
  const progress = new Progress('records read');
  try {
    while (run.endedAt === null) {
      progress.show(run.read);
      await pause(AGAIN_MS);
      const rows = await rowsOf(context);
      const now = rows.find((one) => one.name === name)?.byHand ?? null;
      if (now === null || now.startedAt !== startedAt)
        throw new RemoteError('EASGATE_NOT_FOUND', 'the run is not known any more: look at `feeds status`');
      run = now;
    }
  } finally {
    progress.end();
  }
  if (run.outcome !== null) return run.outcome;
  throw new RemoteError(run.error?.code ?? 'EASGATE_FAILED', run.error?.message ?? 'the run failed');
}
