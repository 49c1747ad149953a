// Owns the requests and responses about devices: lists, details, decisions on one device, wipes.
import { z } from 'zod';
import {
  decisionAction,
  decisionBody,
  decisionView,
  flag,
  maybeText,
  maybeTime,
  pageOf,
  pageQuery,
  seenCounts,
  time,
} from './common.ts';
import { decidedBy } from './policy.ts';

/** True, false, or not known. */
export const maybeFlag = z.boolean().nullable();
/** Words of a filter. */
export const words = z.string().max(500).describe('one or several, with commas');

/** State of a phone by the last verdict. */
export const accessState = z.enum(['allowed', 'quarantined', 'blocked', 'wiping', 'unseen']);

/** Filters of lists of devices, as in `easgate devices list`. Times are ISO or so long ago: 30m, 12h, 7d, 1w. */
export const deviceFilter = {
  user: z.string().max(256).optional().describe('every name that may be this user'),
  device: z.string().max(128).optional().describe('an id in any spelling, or with * and ?'),
  state: words.optional(),
  reason: words.optional().describe('of the last verdict; may have * and ?'),
  seen: z.string().max(40).optional().describe('seen since'),
  notSeen: z.string().max(40).optional().describe('not seen since'),
  type: z.string().max(128).optional(),
  model: z.string().max(128).optional(),
  os: z.string().max(128).optional(),
  group: z.string().max(256).optional().describe('of the user'),
  reported: z.enum(['yes', 'no']).optional().describe('a feed reports the device'),
  managed: z.enum(['yes', 'no', 'unknown']).optional(),
  compliant: z.enum(['yes', 'no', 'unknown']).optional(),
  decision: words.optional(),
  openWipe: flag.optional().describe('true = a wipe is ordered that the device has not confirmed'),
  exception: flag.optional().describe('true = a decision on it or its user lets it pass, and is in force'),
  partnerships: flag
    .optional()
    .describe('true = only users on devices, not devices that nobody was seen with'),
  search: z.string().max(128).optional().describe('part of any id, name, type, model, system or client'),
};

/** `listDevices`. */
export const listDevicesQuery = z.strictObject({
  ...deviceFilter,
  sort: z
    .string()
    .max(100)
    .default('-lastSeen')
    .describe('a field of the rows; `-` before it = the largest first'),
  ...pageQuery,
});

/** A user on a device, or a device that nobody was seen with. */
export const deviceRow = z
  .object({
    device: z.string(),
    user: maybeText,
    state: accessState,
    reason: maybeText,
    stateSince: maybeTime,
    deviceType: maybeText,
    model: maybeText,
    os: maybeText,
    osVersion: maybeText,
    imei: maybeText,
    serialNumber: maybeText,
    reported: z.boolean().describe('a feed reports the device'),
    managed: maybeFlag,
    compliant: maybeFlag,
    encrypted: maybeFlag,
    ownership: maybeText,
    owner: maybeText,
    lastCheckIn: maybeTime,
    groups: z.array(z.string()).nullable(),
    firstSeen: maybeTime,
    lastSeen: maybeTime,
    lastAllowed: maybeTime,
    userAgent: maybeText,
    protocolVersion: maybeText,
    decision: decisionAction.nullable(),
    decisionSource: maybeText.describe('the feed that imported it; null = an operator made it'),
    decisionBy: maybeText,
    decisionReason: maybeText,
    wipe: z.looseObject({ state: z.string() }).nullable().describe('the progress of a wipe'),
    decisionExpiresAt: maybeTime,
    userDecision: decisionAction.nullable(),
    userDecisionExpiresAt: maybeTime,
    unreadable: z.boolean(),
    unreadableRecords: z.array(z.string()),
  })
  .meta({ id: 'DeviceRow' });

/** The answer to `listDevices`. */
export const devicePage = pageOf(deviceRow);

/** `countDevices`. */
export const countDevicesQuery = z.strictObject(deviceFilter);

const namedCount = z.object({ name: maybeText, phones: seenCounts });

/** The answer to it. */
export const deviceCounts = z.object({
  total: seenCounts,
  byReason: z.array(namedCount),
  byModel: z.array(namedCount),
  byGroup: z.array(namedCount),
});

/** A change of a decision. */
export const decisionChange = z.looseObject({ at: time, by: z.string(), via: z.string() });

/** A decision that a feed imported. */
export const importedDecision = z.looseObject({
  source: z.string(),
  user: maybeText.optional(),
  decision: decisionView,
});

/** A user on the device. */
export const partnershipView = z.looseObject({
  record: z.looseObject({
    user: z.string(),
    device: z.string(),
    deviceType: z.string(),
    firstSeen: time,
    lastSeen: time,
    lastAllowed: maybeTime.optional(),
    lastVerdict: z.string(),
    lastReason: maybeText,
  }),
  decision: decisionView.nullable(),
  history: z.array(decisionChange).optional(),
});

/** What one feed reports, or all of them together. Null = it did not say. */
export const deviceReport = z.looseObject({
  source: z.string().optional(),
  managed: maybeFlag,
  compliant: maybeFlag,
  encrypted: maybeFlag,
  compromised: maybeFlag,
  platform: maybeText,
  osVersion: maybeText,
  os: maybeText,
  model: maybeText,
  manufacturer: maybeText,
  ownership: maybeText,
  owner: maybeText,
  serialNumber: maybeText,
  imei: maybeText,
  lastCheckIn: maybeTime,
  observedAt: maybeTime.optional(),
});

/** Another device of a user that may be the same phone. */
const relative = z.object({
  device: z.string(),
  user: z.string(),
  deviceType: z.string(),
  model: maybeText,
  firstSeen: time,
  lastSeen: time,
});

/** Why an exception would be refused, or have no effect. */
const hindrance = z
  .object({
    by: z
      .enum(['openWipe', 'wiped', 'userDisabled', 'decision', 'unreadableRecord'])
      .describe('a wipe makes the directory refuse it; the others outweigh it'),
    scope: z.enum(['user', 'device', 'partnership']).nullable().describe('what the wipe or decision is on'),
    user: maybeText.describe('the name that it is stored under; null = for every user of the device'),
    source: maybeText.describe('the feed that imported the decision; null = an operator made it'),
  })
  .nullable();

/** How a device or a user stands now. */
export const standing = {
  verdicts: z
    .array(
      z.object({
        user: z.string(),
        device: z.string(),
        action: z.string(),
        reason: z.string(),
        rule: z.string(),
        hindrance: hindrance.describe('of an exception for this user on this device; null = it would help'),
      }),
    )
    .describe(
      'what the gateway decides now, whatever it answered the last request; of the 100 phones seen last, none where the policy cannot be read',
    ),
  hindrance: hindrance.describe(
    'of an exception for every user of the device, or for the user with every device; null = it would help',
  ),
};

/** `showDevice`. */
export const deviceDetails = z
  .object({
    key: z.string(),
    aliases: z.array(z.string()).describe('other spellings of the id'),
    record: deviceReport.nullable().describe('of all feeds together, by precedence'),
    reports: z.array(deviceReport),
    unreadable: z.array(z.string()).optional(),
    decision: decisionView.nullable(),
    history: z.array(decisionChange),
    imported: z.array(importedDecision),
    partnerships: z.array(partnershipView),
    predecessors: z
      .array(relative)
      .describe('what the phone may have been before a reset; the one seen last is first'),
    successors: z.array(relative).describe('what it may be after one; the one seen first is first'),
    ...standing,
  })
  .meta({ id: 'DeviceDetails' });

const condition = z.object({
  field: z.string(),
  wanted: z.unknown(),
  found: z.unknown().describe('null = not known'),
  holds: z.boolean(),
});
/** Maps of conditions of which one must hold, each up to the condition that fails. */
const alternatives = z.array(z.array(condition)).optional();

/** A step of an evaluation. Each kind has some of these fields, and may have more. */
export const explanationStep = z
  .looseObject({
    step: z.string(),
    outcome: z.enum(['decides', 'goesOn', 'reported']),
    decisions: z
      .array(
        z.looseObject({
          scope: z.string(),
          action: z.string(),
          by: maybeText,
          source: maybeText,
          expiresAt: maybeTime,
          reason: maybeText,
          state: z.string(),
        }),
      )
      .optional(),
    records: z.array(z.string()).optional().describe('that cannot be read'),
    enabled: maybeFlag.optional(),
    rule: maybeText.optional(),
    policy: maybeText.optional(),
    index: z.number().optional().describe('in the document, from 0'),
    state: z.string().optional(),
    match: alternatives,
    except: alternatives,
    when: z.object({ expression: z.string(), holds: maybeFlag }).nullable().optional(),
    targeted: z.boolean().optional(),
    groupsKnown: z.boolean().optional(),
    reported: z.boolean().optional(),
    held: maybeTime.optional(),
    managed: maybeFlag.optional(),
    requirements: z
      .array(
        z.object({
          requirement: z.string(),
          wanted: z.string(),
          found: z.unknown().describe('null = not known'),
          state: z.string(),
          since: maybeTime.describe('unmet since; null = since always, or met'),
          due: maybeText.describe('the step that is due; null = none yet, or met'),
          next: maybeTime.describe('when the next step is due'),
        }),
      )
      .optional(),
    rank: z.number().optional(),
    limit: z.number().optional(),
    firstSeen: maybeTime.optional(),
    lastAllowed: maybeTime.optional(),
    until: maybeTime.optional(),
    wouldBe: z.looseObject({ action: z.string() }).optional(),
  })
  .meta({ id: 'ExplanationStep' });

/** `explainAccess`. */
export const explainQuery = z.strictObject({ user: z.string().min(1).max(256) });

/** The answer to it. */
export const explanation = z
  .object({
    user: z.string(),
    device: z.string(),
    aliases: z.array(z.string()).describe('other names of the user'),
    known: z.array(
      z.object({
        about: z.enum(['device', 'user']),
        field: z.string(),
        value: z.unknown(),
        source: z.string(),
        observedAt: maybeTime,
        contradictedBy: z
          .array(z.string())
          .describe(
            'feeds that report the opposite of a yes or no; they do not count, since `source` comes first',
          ),
      }),
    ),
    decidedBy,
    verdict: z.looseObject({
      action: z.string(),
      reason: maybeText,
      rule: maybeText,
      requirement: maybeText.optional(),
    }),
    steps: z.array(explanationStep),
    reply: z
      .object({
        kind: z.enum(['mail', 'mailbox', 'wipe', 'comeAgain', 'refusal']),
        messages: z
          .array(z.object({ language: z.string(), subject: z.string(), from: z.string(), text: z.string() }))
          .describe('of the quarantine mailbox, the language of the configuration first; else empty'),
        answers: z
          .array(z.object({ command: z.string(), http: z.number(), status: maybeText }))
          .describe('to commands that are refused; status = in the body'),
      })
      .describe('what the phone gets'),
  })
  .meta({ id: 'Explanation' });

/** `decide`. */
export const decideBody = z.strictObject({
  ...decisionBody,
  user: z.string().max(256).optional().describe('only for this user; absent = every user of the device'),
  dryRun: z.boolean().default(false).describe('only says what it would do'),
});

/** A warning about a decision, such as an id that was never seen. */
export const doubt = z.looseObject({ kind: z.string() });

/** A decision and the name it is stored under. */
export const decidedOne = z.looseObject({ user: maybeText, decision: decisionView });

/** The answer to `decide`. */
export const decideResult = z.looseObject({
  device: z.string(),
  user: maybeText,
  decision: decisionView,
  replaced: z.array(decidedOne),
  warnings: z.array(doubt),
});

/** `clearDecision`. */
export const clearQuery = z.strictObject({
  user: z.string().max(256).optional(),
  force: flag.optional().describe('also a wipe that the device acknowledged'),
});

/** The answer to it. */
export const clearResult = z.object({
  device: z.string(),
  user: maybeText,
  cleared: z.array(decidedOne),
  left: z.array(decidedOne),
});

/** `orderWipe`. */
export const wipeBody = z.strictObject({
  confirm: z.string().max(128).describe('the device id again, in any spelling'),
  reason: z.string().trim().min(1).max(500),
  user: z.string().max(256).optional(),
  allUsers: z.boolean().default(false),
  accountOnly: z.boolean().default(false),
});

/** `planWipe`. */
export const planWipeQuery = z.strictObject({
  user: z.string().max(256).optional(),
  allUsers: flag.optional(),
  accountOnly: flag.optional(),
});

/** The answer to it. */
export const wipePlan = z.looseObject({
  device: z.string(),
  users: z.array(z.string()),
  partnerships: z.array(partnershipView),
});
