// Owns the answers about the gateway as a whole: the overview, its status, the stream of counters.
import { z } from 'zod';
import { maybeText, maybeTime, time } from './common.ts';
import { accessState } from './devices.ts';

/** A line for small charts: one value for each step of the time before now, the newest last; null = not measured. */
const trend = z.array(z.number().nullable());

/** A number with its line. */
export const tile = z.object({
  count: z.number(),
  trend: trend.describe('over the range: by minutes, half hours, or three hours'),
  changed: z.number().nullable().describe('against the beginning of the range; null = not known'),
});

/** How a part is. */
export const health = z.object({
  state: z.enum(['good', 'degraded', 'bad', 'off']),
  text: z.string().describe('in words, such as "3 of 4 mail servers are healthy"'),
});

const range = z.enum(['1h', '24h', '7d']);

/** `showOverview`. */
export const overviewQuery = z.strictObject({
  range: range.optional().describe('of the lines; absent = 24h, or 1h as long as there is less than an hour'),
});

/** The answer to it. */
export const overview = z
  .object({
    gateway: z.string(),
    range: range.describe('of the lines'),
    asOf: maybeTime.describe('of the read model; null = it is not available'),
    tiles: z
      .object({
        allowed: tile,
        quarantined: tile,
        blocked: tile,
        unknown: tile.describe('devices that no feed reports; they are counted in the others too'),
        wiping: tile.describe('phones with a wipe that is ordered and not confirmed'),
        exceptions: tile.describe('phones that a decision lets pass which ends within 7 days'),
      })
      .describe('each is the number of rows of the list behind it'),
    devices: z.number().describe('rows of the list of devices without a filter'),
    unknownSplit: z.object({ allowed: z.number(), quarantined: z.number(), blocked: z.number() }),
    reasons: z
      .array(z.object({ state: accessState, reason: maybeText, phones: z.number() }))
      .describe('of refused phones, the most first'),
    refusals: z
      .array(
        z.object({
          at: time,
          user: maybeText,
          device: maybeText,
          state: z.enum(['quarantined', 'blocked', 'wiping']),
          reason: maybeText,
          rule: maybeText,
          model: maybeText,
          os: maybeText,
          count: z.number(),
        }),
      )
      .describe('the newest'),
    traffic: z.object({
      requestsPerSecond: z.number().nullable(),
      heldPolls: z.number().nullable(),
      requests: trend.describe('requests per second over the last 60 minutes, by minutes'),
      verdicts: z
        .array(z.object({ at: time, allowed: z.number(), quarantined: z.number(), blocked: z.number() }))
        .describe('answers by verdict, over the range, the newest last'),
    }),
    health: z.object({
      gateway: health,
      directory: health,
      mailServers: health,
      feeds: health,
      certificates: health,
    }),
    warnings: z.array(
      z.object({
        code: z.string(),
        text: z.string(),
        since: maybeTime,
        page: maybeText.describe('of the dashboard, where one can do something about it'),
      }),
    ),
    stateAgeMs: z.number().nullable().describe('age of the state that the workers decide with'),
  })
  .meta({ id: 'Overview' });

/** One worker. */
export const workerStatus = z.looseObject({
  pid: z.number(),
  uptimeSeconds: z.number(),
  health: z.looseObject({
    store: z.boolean(),
    storeRefusal: maybeText
      .optional()
      .describe('why the directory, which can be read, takes no changes; null = it takes them'),
    mailServer: z.boolean(),
  }),
  store: z.string(),
  position: maybeText.describe('in the change log; null = the directory does not answer'),
  stateAgeMs: z.number(),
  memoryBytes: z.number(),
  counters: z.record(z.string(), z.number()),
});

/** `showStatus`; a part that does not answer is null. */
export const status = z
  .object({
    gateway: z.string(),
    version: z.string(),
    pid: z.number().nullable().describe('of the primary process; null = it does not answer'),
    startedAt: maybeTime,
    phase: z.string(),
    policy: z.looseObject({ name: maybeText, file: maybeText }).nullable(),
    warnings: z.array(z.string()),
    workers: z.array(workerStatus.nullable()),
    traffic: z
      .object({
        requestsPerSecond: z.number().nullable().describe('over the last minute; null = not known yet'),
        failures: z
          .array(
            z.object({ code: z.string(), meaning: z.string(), count: z.number(), lastMinute: z.number() }),
          )
          .describe(
            'requests that the mail server, the directory or the gateway failed, by code, since the start of the gateway',
          ),
      })
      .nullable()
      .describe('of all workers, also of those that ended; null = not known'),
    control: z.looseObject({
      pid: z.number(),
      uptimeSeconds: z.number(),
      memoryBytes: z.number(),
      readModel: z.looseObject({
        phase: z.string(),
        rows: z.number(),
        position: maybeText.describe('in the change log; null = none was reached yet'),
        ageMs: z.number().nullable(),
        seenAgeMs: z.number().nullable().describe('of when phones were last seen'),
        trouble: maybeText,
        bytes: z.number().nullable().describe('its file with what is not merged yet; null = not known'),
      }),
      leader: z.looseObject({ isLeader: z.boolean(), holder: maybeText, fence: z.number().nullable() }),
      warnings: z.array(z.string()),
      endingExceptions: z.array(z.string()).describe('one text where exceptions end soon; else empty'),
    }),
    mailServers: z.array(z.string()).describe('of the configuration'),
    certificates: z
      .array(z.object({ place: z.string(), name: z.string(), endsAt: time }))
      .describe('that the configuration names, the next to end first'),
    metrics: maybeText.describe('where the metrics are; null = nowhere'),
  })
  .meta({ id: 'Status' });

/** Data of each event of `followCounters`. */
export const counters = z.object({
  at: time,
  requestsPerSecond: z.number().nullable(),
  heldPolls: z.number().nullable(),
  stateAgeMs: z.number().nullable(),
  tiles: z.object({
    allowed: z.number(),
    quarantined: z.number(),
    blocked: z.number(),
    unknown: z.number(),
    wiping: z.number(),
  }),
});
