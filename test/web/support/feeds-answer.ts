// Owns a made-up answer of `listFeeds`: one feed in each state.
import type { AnswerOf } from '../../../src/api/contract/operations.ts';

type Feed = AnswerOf<'listFeeds'>['rows'][number];
type Run = NonNullable<Feed['remembered']['run']>;

const iso = (minutesAgo: number): string => new Date(Date.now() - minutesAgo * 60_000).toISOString();

const NO_COUNTS = { accepted: 0, unchanged: 0, older: 0, removed: 0 };

function run(more: Partial<Run>): Run {
  return {
    isFull: false,
    tookMs: 4_200,
    devices: { accepted: 14, unchanged: 212, older: 0, removed: 0 },
    users: NO_COUNTS,
    refused: 0,
    withProblems: 0,
    sameDevice: 0,
    joined: 0,
    notJoined: 0,
    possibleMatches: 0,
    notRemoved: [],
    ...more,
  };
}

function feed(name: string, kind: string, state: Feed['state'], more: Partial<Feed['remembered']>): Feed {
  const isSent = kind === 'webhook' || kind === 'push';
  const lastSuccessAt = more.lastSuccessAt === undefined ? iso(7) : more.lastSuccessAt;
  return {
    name,
    kind,
    state,
    isStale: state === 'stale' || (more.held !== undefined && name === 'jamf'),
    lagMs: lastSuccessAt === null ? null : Date.now() - Date.parse(lastSuccessAt),
    nextAt: isSent ? null : iso(-8),
    schedule: isSent ? null : '*/15 * * * *',
    remembered: {
      lastFullAt: null,
      lastSuccessAt,
      lastTriedAt: iso(7),
      failures: 0,
      error: null,
      held: null,
      run: run({}),
      ...more,
    },
    byHand: null,
  };
}

/** As of a gateway that runs the feeds. */
export function feedsAnswer(): AnswerOf<'listFeeds'> {
  return {
    rows: [
      feed('intune', 'graph', 'ok', {
        run: run({
          isFull: true,
          tookMs: 38_000,
          devices: { accepted: 31, unchanged: 11_840, older: 0, removed: 4 },
          users: { accepted: 6, unchanged: 9_412, older: 0, removed: 0 },
          joined: 41,
          notJoined: 17,
          possibleMatches: 5,
        }),
      }),
      feed('jamf', 'http', 'held', {
        held: {
          at: iso(22),
          reasons: ['1,204 of 3,010 devices would be removed, which is more than 20 %'],
        },
        lastSuccessAt: iso(37),
      }),
      feed('directory', 'ldap', 'stale', {
        lastSuccessAt: iso(192),
        failures: 9,
        error: {
          at: iso(3),
          code: 'EASGATE_FEED_AWAY',
          message: 'ldaps://dc1.example.com does not answer: look at the server and at the firewall.',
        },
        run: run({ devices: NO_COUNTS, users: { accepted: 2, unchanged: 9_410, older: 0, removed: 1 } }),
      }),
      feed('exports', 'files', 'failing', {
        failures: 1,
        error: {
          at: iso(9),
          code: 'EASGATE_FEED_FORMAT',
          message: 'devices.csv: the column "Compliance" is missing.',
        },
        run: run({ refused: 3, withProblems: 2, sameDevice: 1 }),
      }),
      feed('mdm-events', 'webhook', 'ok', { lastSuccessAt: iso(1) }),
      feed('spare', 'push', 'never run', { lastSuccessAt: null, lastTriedAt: null, run: null }),
    ],
    runsHere: true,
    leader: 'gw1',
  };
}
