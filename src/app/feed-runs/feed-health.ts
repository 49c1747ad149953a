// Owns the health of all feeds of a configuration.
import type { Config } from '../../config/schema.ts';
import { feedStates, scheduledFeeds } from './configured-feeds.ts';
import { healthOf } from './schedule.ts';
import type { FeedHealth } from './schedule.ts';

/** How each feed is at `now`, in order of precedence. No secret is read. @throws ConfigError for a schedule */
export function feedHealth(config: Config, now: number): Promise<FeedHealth[]> {
  const states = feedStates(config);
  return Promise.all(
    scheduledFeeds(config).map(async (feed) => healthOf(feed, await states.read(feed.name), now)),
  );
}
