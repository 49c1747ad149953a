// Owns the routes of feeds: how they are, and runs by hand. The leader of a fleet runs feeds; the others say who it is.
import { feedNamed, feedStates } from '../../app/feed-runs/configured-feeds.ts';
import { feedHealth } from '../../app/feed-runs/feed-health.ts';
import type { HandRunOptions } from '../../app/feed-runs/start-feeds.ts';
import { confirmDelivery } from '../../app/received/confirm-delivery.ts';
import { isReceived } from '../../app/received/received-feeds.ts';
import type { LeaderStatus } from '../../supervisor/control-messages.ts';
import type { HandRuns } from '../hand-runs.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import { route } from './route.ts';
import type { Call, Route } from './route.ts';

/** A run is waited for so long. */
const WAIT_MS = 10_000;

/** The routes. */
export function feedRoutes(parts: ApiParts, hands: HandRuns): Route[] {
  const { config } = parts;
  const run = async (name: string, options: HandRunOptions, { origin, now }: Call): Promise<object> => {
    feedNamed(config.feeds, name);
    const running = parts.feeds();
    if (running === null) throw notLeader(leaderOf(parts));
    const operator = { ...origin, audit: parts.audit };
    const started = await hands.start(name, origin.by, options, now, {
      waitMs: WAIT_MS,
      work: (how) => running.run(name, how, operator),
    });
    return { feed: name, run: started };
  };
  return [
    route('listFeeds', async (_input, { now }) => {
      const schedules = new Map(
        config.feeds.map((feed) => [feed.name, 'schedule' in feed ? feed.schedule : null]),
      );
      const rows = await feedHealth(config, now);
      return {
        rows: rows.map((feed) => ({
          ...feed,
          schedule: schedules.get(feed.name) ?? null,
          byHand: hands.of(feed.name),
        })),
        runsHere: parts.feeds() !== null,
        leader: leaderOf(parts)?.holder ?? null,
      };
    }),
    route('runFeed', ({ params, body }, call) =>
      run(params.feed, { dryRun: body.dryRun, confirmed: body.confirmed }, call),
    ),
    route('confirmFeed', async ({ params: { feed } }, call) => {
      if (!isReceived(feedNamed(config.feeds, feed))) return run(feed, { confirmed: true }, call);
      await confirmDelivery(feedStates(config), feed, { ...call.origin, audit: parts.audit });
      return { feed, run: null };
    }),
  ];
}

function notLeader(leader: LeaderStatus | null): ApiError {
  const who = leader?.holder ?? null;
  return new ApiError(
    'EASGATE_API_NOT_LEADER',
    who === null
      ? 'no gateway runs the feeds yet: try again in a few seconds'
      : leader?.isLeader === true
        ? 'this gateway leads, but runs no feeds: see its log'
        : `the feeds are run by ${who}: start the run there`,
    5,
  );
}

function leaderOf(parts: ApiParts): LeaderStatus | null {
  try {
    return parts.control().leader;
  } catch {
    return null;
  }
}
