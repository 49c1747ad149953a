// Owns the requests and responses about feeds.
import { z } from 'zod';
import { maybeText, maybeTime, time } from './common.ts';
import { applyOutcome } from './reports.ts';

const counts = z.object({
  accepted: z.number(),
  unchanged: z.number(),
  older: z.number(),
  removed: z.number(),
});

/** A run that somebody started here. */
export const handRun = z
  .object({
    by: z.string(),
    startedAt: time,
    endedAt: maybeTime.describe('null = it is under way'),
    dryRun: z.boolean(),
    confirmed: z.boolean(),
    read: z.number().describe('records so far'),
    written: z.number(),
    outcome: applyOutcome.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'FeedHandRun' });

/** A feed and how it is. */
export const feedRow = z
  .object({
    name: z.string(),
    kind: z.string(),
    state: z
      .enum(['ok', 'held', 'failing', 'stale', 'never run'])
      .describe('what a brake holds waits for an operator: it comes before the age of the data'),
    isStale: z.boolean().describe('it has missed its runs, or the expected delivery; held or not'),
    lagMs: z.number().nullable().describe('since the last run that was applied'),
    nextAt: maybeTime,
    schedule: maybeText.describe('in the syntax of cron; null = the source sends its records'),
    remembered: z.object({
      lastFullAt: maybeTime,
      lastSuccessAt: maybeTime,
      lastTriedAt: maybeTime,
      failures: z.number().describe('in a row'),
      error: z.object({ at: time, code: z.string(), message: z.string() }).nullable(),
      held: z.object({ at: time, reasons: z.array(z.string()) }).nullable(),
      confirmedAt: maybeTime.optional().describe('of a confirmation that waits for the next delivery'),
      run: z
        .object({
          isFull: z.boolean(),
          tookMs: z.number(),
          devices: counts,
          users: counts,
          refused: z.number(),
          withProblems: z.number().describe('records with a value that was not understood'),
          sameDevice: z
            .number()
            .describe('records of a device that has another record in the same run; one of them counts'),
          joined: z.number(),
          notJoined: z.number(),
          possibleMatches: z.number().describe('of those not joined: could be a device that is known'),
          notRemoved: z.array(z.string()),
        })
        .nullable(),
    }),
    byHand: handRun.nullable().describe('the latest run that somebody started here'),
  })
  .meta({ id: 'FeedRow' });

/** The answer to `listFeeds`. */
export const feedList = z.object({
  rows: z.array(feedRow),
  runsHere: z.boolean().describe('this gateway leads and runs the feeds'),
  leader: maybeText.describe('who does; null = nobody is known'),
});

/** `runFeed`. */
export const runFeedBody = z
  .strictObject({
    dryRun: z.boolean().default(false),
    confirmed: z
      .boolean()
      .default(false)
      .describe('of a dry run: counts also what a brake would hold; confirmFeed writes that'),
  })
  .refine(({ dryRun, confirmed }) => dryRun || !confirmed, {
    path: ['confirmed'],
    message: 'only with dryRun; confirmFeed writes what a brake holds',
  });

/** The answer to `runFeed` and `confirmFeed`: after 10 seconds, even if the run is still under way; `listFeeds` shows its end. */
export const startedRun = z.object({
  feed: z.string(),
  run: handRun.nullable().describe('null = the next delivery to the feed is written, whatever a brake says'),
});
