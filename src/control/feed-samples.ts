// Owns what the metrics say about feeds.
import { feedStates, scheduledFeeds } from '../app/feed-runs/configured-feeds.ts';
import { healthOf } from '../app/feed-runs/schedule.ts';
import type { Config } from '../config/schema.ts';
import type { FeedSample } from '../metrics/text.ts';

/** The feeds at `now`; empty where a schedule cannot be used, which is logged when the feeds are started. */
export async function feedSamples(config: Config, now: number): Promise<FeedSample[]> {
  try {
    const states = feedStates(config);
    return await Promise.all(
      scheduledFeeds(config).map(async (feed) => {
        const { name, isStale, remembered } = healthOf(feed, await states.read(feed.name), now);
        const { lastSuccessAt, failures, held } = remembered;
        return { name, lastSuccessAt, stale: isStale, failures, held: held !== null };
      }),
    );
  } catch {
    return [];
  }
}
