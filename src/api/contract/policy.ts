// Owns the requests and responses about the policy: what is in use, versions, checks, comparisons, simulation.
import { z } from 'zod';
import { maybeText, maybeTime, seenCounts, time } from './common.ts';

/** Longest document in a request, in characters. */
export const MAX_DOCUMENT = 900_000;

const document = z.string().max(MAX_DOCUMENT).describe('the document, in YAML');
const lists = z
  .record(z.string().max(500), z.string())
  .describe('texts of the files that its lists name, by their names in the document');
const comment = z.string().trim().max(500).nullable().default(null).describe('why; for history and audit');
const mode = z.enum(['enforce', 'reportOnly']);

/** Whom a version is rolled out to. */
const extent = z.strictObject({
  groups: z
    .array(z.string().trim().min(1).max(256))
    .max(50)
    .default([])
    .describe('names of groups; their members are decided by the version'),
  share: z
    .number()
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe('percent of all users besides; the same users stay in as it grows'),
});
const extentShown = z.object({
  groups: z.array(z.string()),
  share: z.number().describe('percent of all users'),
});
const rollout = extent
  .nullable()
  .default(null)
  .describe('only for these users at first; null = for everybody');

/** Where something is in the text of a document; both count from 1. */
const place = { line: z.number().nullable(), column: z.number().nullable() };

/** What is wrong with a document. */
export const policyProblem = z
  .object({
    severity: z.enum(['error', 'warning']),
    path: z.string().describe('in the document, such as rules.0.match.platform; empty = the document'),
    message: z.string(),
    ...place,
    suggestion: maybeText.describe('what was probably meant'),
  })
  .meta({ id: 'PolicyProblem' });

/** A version in a list. */
export const policyVersionRow = z
  .object({
    version: z.number(),
    name: maybeText,
    hash: z.string(),
    author: z.string(),
    comment: maybeText,
    at: time.describe('when it was added'),
    place: z.enum(['live', 'shadow', 'rollout']).nullable(),
    changed: z
      .number()
      .nullable()
      .describe(
        'phones that it decided otherwise on than the live version, when it was published; null = not counted',
      ),
    shadowAt: maybeTime.describe('when it last came into the shadow'),
    rolledOutAt: maybeTime.describe('when it was first rolled out to a part of the users'),
    rolledOutTo: extentShown.nullable().describe('to whom it was rolled out in the end; null = it never was'),
    abandonedAt: maybeTime.describe('when its roll-out was abandoned'),
    publishedAt: maybeTime.describe('when it first became the live one'),
    liveComment: maybeText.describe('why it became the live one, or was rolled out; null = not said'),
    rolledBackAt: maybeTime.describe(
      'when a rollback replaced it as the live one; null = it is live, or was never rolled back',
    ),
  })
  .meta({ id: 'PolicyVersionRow' });

/** `showPolicyVersion`. */
export const policyVersion = policyVersionRow
  .extend({ document: z.string(), lists, mode })
  .meta({ id: 'PolicyVersion' });

const compared = z.object({ action: z.string(), reason: z.string(), rule: maybeText });

/** How the policy in the shadow compares with the live one on the traffic of this gateway. */
const shadowCounts = z.object({
  compared: z.number(),
  different: z.number(),
  changes: z
    .array(
      z.object({
        live: z.object({ action: z.string(), reason: z.string() }),
        shadow: z.object({ action: z.string(), reason: z.string() }),
        phones: z.number(),
      }),
    )
    .describe('the phones that differ by both verdicts, the most frequent ones first'),
  phonesDifferent: z
    .number()
    .describe(
      'pairs of device and user with different verdicts, each counted once; at most the last 10,000 of each worker',
    ),
  phones: z
    .array(
      z.object({
        user: z.string(),
        device: z.string(),
        live: compared,
        shadow: compared,
        at: time.describe('time of the last difference'),
      }),
    )
    .describe('the latest of these pairs, 500 at most'),
});

/** `showPolicy`. */
export const policyInUse = z
  .object({
    source: z
      .enum(['file', 'directory', 'configuration'])
      .describe(
        'file: policy.file of the configuration, which cannot be changed here; directory: a published version; configuration: nothing was published',
      ),
    file: maybeText,
    name: maybeText,
    mode,
    hash: maybeText,
    document: maybeText.describe('null = the three actions of the configuration decide'),
    lists,
    live: policyVersionRow.nullable(),
    liveSince: maybeTime.describe('since when it is the live one; null = none is, or not known'),
    liveBy: maybeText.describe('who made it so'),
    shadow: policyVersionRow.extend({ counts: shadowCounts.nullable() }).nullable(),
    rollout: policyVersionRow
      .extend({
        extent: extentShown,
        since: time,
        changedAt: time.describe('when it was last widened'),
        by: z.string().describe('who began it'),
      })
      .nullable()
      .describe('decides for a part of the users in place of the live one; null = none'),
    earlier: z.array(z.number()).describe('versions that were live before, the latest last'),
    latest: z.number(),
    changedAt: maybeTime,
    changedBy: maybeText,
    warnings: z.array(policyProblem),
  })
  .meta({ id: 'PolicyInUse' });

/** `listPolicyVersions`. */
export const policyVersionsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.coerce.number().int().min(1).optional().describe('`next` of the page before'),
});

/** The answer to it. */
export const policyVersions = z.object({
  rows: z.array(policyVersionRow),
  next: z.number().nullable().describe('for `after` of the next page; null = this is the last one'),
});

/** `checkPolicy`. */
export const policyText = z.strictObject({
  document,
  lists: lists.optional().describe('absent = those of the policy in use'),
});

/** The answer to it. */
export const policyCheck = z.object({
  isValid: z.boolean(),
  name: maybeText,
  mode: mode.nullable(),
  problems: z.array(policyProblem).describe('in the order of the text'),
});

/** A policy: a text, a version, or the one in a place. */
export const policyRef = z.union([
  policyText,
  z.strictObject({ version: z.number().int().min(1) }),
  z.strictObject({
    place: z
      .enum(['inUse', 'live', 'shadow', 'rollout', 'configured'])
      .describe(
        'inUse: the live one, and for its users the one that is rolled out; configured: what the configuration says',
      ),
  }),
]);

/** `diffPolicy`. */
export const diffPolicyBody = z.strictObject({
  before: policyRef.default({ place: 'inUse' }),
  after: policyRef,
  rollout: extent
    .nullable()
    .default(null)
    .describe('as if `after` decided for these users, and the live one for the others; null = for everybody'),
  enforced: z.boolean().default(false).describe('as if `after` did not only report'),
  grandfathered: z
    .boolean()
    .default(true)
    .describe('false = as if `after` let no phone in because it was in use before'),
});

/** `showPolicyDiff`. */
export const showDiffQuery = z.strictObject({
  format: z.enum(['json', 'csv']).default('json').describe('csv = every phone of a comparison that is done'),
});

const decided = z.object({ action: z.string(), reason: z.string(), rule: z.string() });
const diffCounts = z.array(z.object({ name: z.string(), phones: seenCounts }));

/** A phone that the two policies decide differently on. */
export const changedPhone = z
  .object({
    user: z.string(),
    device: z.string(),
    model: maybeText,
    groups: z.array(z.string()),
    lastSeen: time,
    before: decided,
    after: decided,
  })
  .meta({ id: 'ChangedPhone' });

/** What a change of the policy would do. */
export const policyDiff = z
  .object({
    compared: z.number(),
    keptOut: seenCounts.describe('phones that pass now and would not'),
    keptOutLater: seenCounts.describe(
      'phones that pass now, and would pass for a time: in a grace period, or because they were in use before',
    ),
    letInForNow: seenCounts.describe('phones that do not pass now, and would for a time'),
    letIn: seenCounts.describe('phones that do not pass now and would'),
    otherwise: seenCounts.describe('phones that are kept out by both, in another way'),
    byReason: diffCounts.describe('of the phones kept out newly; likewise byGroup and byModel'),
    byGroup: diffCounts,
    byModel: diffCounts,
    phones: z.array(changedPhone).describe('the last seen first: 500 at most'),
    isCut: z.boolean().describe('there are more than are listed'),
    reach: z
      .object({
        inside: z.number().describe('phones of users that it reaches'),
        groupsUnknown: z
          .number()
          .describe('phones of users whose groups no feed knows: the stricter verdict of both counts'),
        emptyGroups: z.array(z.string()).describe('groups that no user with a phone is in'),
      })
      .nullable()
      .describe('whom the roll-out in `after` reaches; null = there is none'),
  })
  .meta({ id: 'PolicyDiff' });

/** The answer to `diffPolicy` and `showPolicyDiff`: the comparison goes on by itself, and is kept for 15 minutes. */
export const diffRun = z
  .object({
    id: z.string().describe('for showPolicyDiff'),
    state: z.enum(['running', 'done', 'failed']),
    compared: z.number().describe('phones so far'),
    total: z.number().nullable().describe('phones of the directory; null = not known'),
    startedAt: time,
    diff: policyDiff.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'PolicyDiffRun' });

/** `publishPolicy`. */
export const publishBody = z.strictObject({
  document,
  lists: lists.optional().describe('absent = those of the policy in use'),
  mode: mode.optional().describe('written into the document; absent = as it says'),
  rollout,
  comment,
});

/** `shadowPolicy`. */
export const shadowBody = z.strictObject({
  document,
  lists: lists.optional().describe('absent = those of the policy in use'),
  comment,
});

/** The answer to them. */
export const publishedVersion = z.object({
  version: policyVersionRow,
  warnings: z.array(policyProblem),
});

/** `promoteShadow`. */
export const promoteBody = z.strictObject({ rollout, comment });

/** `widenRollout`. */
export const widenBody = z.strictObject({
  groups: extent.shape.groups.describe('groups to add'),
  share: extent.shape.share
    .unwrap()
    .nullable()
    .default(null)
    .describe('percent of all users; null = as it is'),
  comment,
});

/** `finishRollout` and `abandonRollout`. */
export const endRolloutBody = z.strictObject({ comment });

/** `rollBackPolicy`. */
export const rollBackBody = z.strictObject({
  version: z.number().int().min(1).nullable().default(null).describe('null = the one before'),
  comment,
});

/** The answer to `promoteShadow`, `rollBackPolicy` and the changes of a roll-out. */
export const versionInUse = z.object({ version: policyVersionRow });

/** The answer to `endShadow`. */
export const endedShadow = z.object({
  ended: z.number().nullable().describe('the version that was in the shadow; null = none was'),
});

/** Which policy a verdict comes from. */
export const decidedBy = z
  .object({
    version: z.number().nullable().describe('null = that of the configuration, or a text'),
    name: maybeText,
    why: z
      .enum(['everybody', 'group', 'share', 'outside', 'groupsUnknown'])
      .describe(
        'everybody: none is rolled out; group, share: the user is in the roll-out; outside: the live one; groupsUnknown: the stricter of both',
      ),
    text: z.string().describe('in words'),
  })
  .meta({ id: 'DecidedBy' });

/** `simulate`: facts, a recorded request, or both; what is in `facts` counts. */
export const simulateBody = z.strictObject({
  policy: policyRef.default({ place: 'inUse' }),
  facts: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('as `easgate policy evaluate` reads them: now, user, device, partnership, request, decisions'),
  request: z
    .string()
    .max(65_536)
    .optional()
    .describe('the raw head of a recorded request, or JSON with method, target and headers'),
  logLine: z.string().max(65_536).optional().describe('a line of the access log'),
});

/** The answer to it. */
export const simulation = z
  .object({
    facts: z.record(z.string(), z.unknown()).describe('those that decided'),
    decidedBy,
    verdict: z.looseObject({
      action: z.string(),
      reason: z.string(),
      rule: maybeText,
      requirement: maybeText,
      wouldBe: z.looseObject({ action: z.string(), reason: z.string(), rule: maybeText }).nullable(),
      validUntil: maybeTime,
      since: maybeTime,
      recheckAt: maybeText,
    }),
    steps: z.array(z.looseObject({ step: z.string(), outcome: z.enum(['decides', 'goesOn', 'reported']) })),
  })
  .meta({ id: 'Simulation' });
