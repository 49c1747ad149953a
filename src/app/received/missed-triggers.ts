// Owns the feeds that a webhook should have started while no process led: the next leader starts them.
import type { Config } from '../../config/schema.ts';
import type { FeedStates } from '../feed-runs/feed-state.ts';

/** Names of feeds whose last run began before the last delivery that should have started one. */
export async function missedTriggers({ feeds }: Config, states: FeedStates): Promise<string[]> {
  const missed: string[] = [];
  for (const feed of feeds) {
    if (feed.kind !== 'webhook' || feed.trigger === undefined) continue;
    const delivered = (await states.read(feed.name)).lastSuccessAt;
    const { lastTriedAt } = await states.read(feed.trigger);
    if (delivered !== null && delivered >= (lastTriedAt ?? 0)) missed.push(feed.trigger);
  }
  return missed;
}
