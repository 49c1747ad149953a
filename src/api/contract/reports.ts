// Owns the requests and responses of reports, imports and exports.
import { z } from 'zod';
import { flag, maybeText, maybeTime, seenCounts } from './common.ts';
import { deviceRow } from './devices.ts';
import { changedPhone } from './policy.ts';

/** Names of reports. */
export const REPORTS = [
  'inventory',
  'blocked',
  'stale',
  'exceptions',
  'duplicates',
  'near-misses',
  'would-block',
  'grandfathered',
] as const;

/** `showReport`. */
export const reportParams = z.object({ report: z.enum(REPORTS) });

/** Its query. */
export const reportQuery = z.strictObject({
  format: z.enum(['json', 'csv']).default('json').describe('csv has all rows'),
  limit: z.coerce.number().int().min(0).max(1_000).default(100).describe('rows, of json'),
  notSeen: z.string().max(40).default('90d').describe('of `stale`: not seen since'),
  endsWithin: z
    .string()
    .max(40)
    .optional()
    .describe('of `exceptions`: end in so long at most: 12h, 7d; or before a date'),
  after: z.string().max(2_000).optional().describe('of reports with phones: `next` of the page before'),
  version: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('of `would-block`: this version; absent = what is in use'),
  groups: z
    .string()
    .max(5_000)
    .optional()
    .describe(
      'of `would-block`: as if the version decided for members of these groups only; names with commas between them (diffPolicy takes a list)',
    ),
  share: z.coerce
    .number()
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe('of `would-block`: likewise for so many percent of all users'),
});

const named = z.array(z.object({ name: maybeText, phones: seenCounts }));

/** A phone twice. */
export const duplicateRow = z
  .looseObject({
    user: z.string(),
    device: z.string(),
    lastSeen: maybeTime,
    other: z.string().describe('the older one'),
    otherLastSeen: maybeTime,
    otherState: z.string(),
    model: maybeText,
  })
  .meta({ id: 'DuplicateRow' });

/** A reported device that may be a phone which no feed reports. */
export const nearMissRow = z
  .looseObject({
    reported: z.string(),
    owner: maybeText,
    device: z.string(),
    user: maybeText,
    lastSeen: maybeTime,
    by: z.string().describe('what they have in common'),
    model: maybeText,
  })
  .meta({ id: 'NearMissRow' });

/** A report. */
export const report = z
  .object({
    name: z.enum(REPORTS),
    asOf: maybeTime.describe('changes up to this moment are in it'),
    counts: z.object({
      total: seenCounts,
      byReason: named,
      byGroup: named.describe('each group of a user counts; null = none, or no feed knows'),
      byModel: named,
    }),
    phones: z.array(deviceRow).nullable().describe('of inventory, blocked, stale, exceptions'),
    duplicates: z.array(duplicateRow).nullable(),
    nearMisses: z.array(nearMissRow).nullable(),
    changes: z
      .array(changedPhone)
      .nullable()
      .describe(
        'of would-block: phones that pass now, and would not if all of the policy were enforced; of grandfathered: phones let in only because they were in use before',
      ),
    isCut: z.boolean().describe('there are more rows: `format=csv` has all'),
    next: maybeText.describe(
      'for `after` of the next page; null = this is the last one, or the report has no pages',
    ),
  })
  .meta({ id: 'Report' });

/** Lists that can be exported. */
export const EXPORTS = ['devices', 'users', 'decisions', 'journal', 'audit'] as const;

/** `exportRows`. */
export const exportParams = z.object({ what: z.enum(EXPORTS) });

/** Its query: the filters and the order of the list, checked by it, and the format. */
export const exportQuery = z.looseObject({
  format: z.enum(['csv', 'ndjson']).default('csv'),
  sort: z.string().max(100).optional(),
});

/** Formats of files that can be imported. */
export const IMPORT_FORMATS = [
  'auto',
  'intune',
  'graph',
  'exchange',
  'jamf',
  'workspace-one',
  'ivanti',
  'micromdm',
  'csv',
  'ndjson',
] as const;

/** Longest mapping in front of a file, bytes. */
const MAX_MAPPING_BYTES = 1_048_576;

/** `importFile`; the body is the file. */
export const importQuery = z.strictObject({
  format: z.enum(IMPORT_FORMATS).default('auto').describe('auto = by the content'),
  mappingBytes: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_MAPPING_BYTES)
    .optional()
    .describe(
      'in place of a format: so many bytes at the start of the body are a mapping (YAML, docs/guide/mappings.md), and the file follows',
    ),
  source: z
    .string()
    .max(64)
    .optional()
    .describe('the name that its records get; absent = that of the format, with a mapping it must be given'),
  dryRun: flag.optional().describe('writes nothing'),
  replace: flag
    .optional()
    .describe('the file has all devices, users and groups of its source: others of it are removed'),
  confirmed: flag.optional().describe('writes also what a brake holds'),
  allowDecisions: flag.optional().describe('its allows become decisions too'),
  dates: z.enum(['day-first', 'month-first']).optional().describe('absent = by the values of each column'),
  timeZone: z.string().max(64).default('UTC').describe('of times that name none'),
});

const written = z.object({
  accepted: z.number().describe('they may change a verdict'),
  unchanged: z.number(),
  older: z.number().describe('the source reported something newer before, or in the same run'),
  removed: z.number().describe('the source no longer has them'),
});

/** What a run did, or would do. */
export const applyOutcome = z
  .object({
    source: z.string(),
    dryRun: z.boolean(),
    read: z.record(z.enum(['device', 'user', 'group', 'decision', 'refused']), z.number()),
    devices: written,
    users: written,
    decisions: z.object({
      applied: z.number(),
      listed: z.number().describe('allows without effect: the source may not allow'),
      removed: z.number(),
    }),
    joined: z.number().describe('records without a device id that were joined by another name'),
    notJoined: z.object({
      count: z.number(),
      possibleMatches: z.number().describe('of them: could be a device that is known'),
      first: z.array(z.object({ line: z.number(), name: z.string(), near: z.array(z.string()) })),
    }),
    refused: z.object({
      count: z.number(),
      first: z.array(z.object({ line: z.number(), reason: z.string() })),
    }),
    withProblems: z.object({
      count: z.number().describe('records with a value that was not understood'),
      first: z.array(z.object({ line: z.number(), reason: z.string() })),
    }),
    sameDevice: z.object({
      count: z
        .number()
        .describe('records of a device of which the run has another record; one of them counts'),
      first: z.array(z.object({ line: z.number(), reason: z.string() })),
    }),
    held: z.array(z.string()).describe('why nothing was written; empty = it was'),
    notRemoved: z.array(z.string()).describe('why nothing was removed of a kind'),
  })
  .meta({ id: 'ApplyOutcome' });

/** The answer to `importFile`. */
export const importOutcome = applyOutcome
  .extend({
    format: z.string(),
    what: z.string().describe('what its records are, in words'),
    notAsked: z
      .string()
      .nullable()
      .describe('another format that its names belong to for certain, although this one was asked for'),
    notes: z.object({
      encoding: z.string(),
      replaced: z.boolean().describe('bytes that are no text were replaced'),
    }),
  })
  .meta({ id: 'ImportOutcome' });
