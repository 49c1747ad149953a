// Owns the requests and responses about devices, users and decisions.
import { z } from 'zod';
import {
  accessAction,
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

const maybeFlag = z.boolean().nullable();
const words = z.string().max(500).describe('one or several, with commas');

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
  managed: z.enum(['yes', 'no', 'unknown']).optional(),
  compliant: z.enum(['yes', 'no', 'unknown']).optional(),
  decision: words.optional(),
  search: z.string().max(128).optional().describe('part of any id, name, type, model, system or client'),
};

/** `listDevices`. */
export const listDevicesQuery = z.strictObject({
  ...deviceFilter,
  sort: z
    .string()
    .max(40)
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
    decision: decisionAction.nullable(),
    decisionExpiresAt: maybeTime,
    userDecision: decisionAction.nullable(),
    userDecisionExpiresAt: maybeTime,
    unreadable: z.boolean(),
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
  })
  .meta({ id: 'DeviceDetails' });

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
      }),
    ),
    verdict: z.looseObject({
      action: z.string(),
      reason: maybeText,
      rule: maybeText,
      requirement: maybeText.optional(),
    }),
    steps: z.array(z.looseObject({ step: z.string().optional() })),
  })
  .meta({ id: 'Explanation' });

/** `decide`. */
export const decideBody = z.strictObject({
  ...decisionBody,
  user: z.string().max(256).optional().describe('only for this user; absent = every user of the device'),
});

/** Why a decision may not do what its author thinks. */
export const doubt = z.looseObject({ kind: z.string() });

/** A decision and the name it is stored under. */
export const decidedOne = z.object({ user: maybeText, decision: decisionView });

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
export const wipePlan = z.looseObject({ device: z.string(), users: z.array(z.string()) });

/** `decideMany`: for the devices named, or for all that match a filter. */
export const decideManyBody = z.strictObject({
  ...decisionBody,
  action: z.enum([...accessAction.options, 'clear']),
  devices: z.array(z.string().max(128)).max(1_000).optional(),
  filter: z.strictObject(deviceFilter).optional(),
  dryRun: z.boolean().describe('count only'),
  expected: z
    .number()
    .int()
    .optional()
    .describe('of the preview: with another number now, nothing is written'),
});

/** The answer to it. */
export const decideManyResult = z.object({
  matched: z.number(),
  changed: z.number(),
  byState: z.record(z.string(), z.number()).describe('of those that match, before the change'),
  refused: z.array(z.object({ device: z.string(), code: z.string(), message: z.string() })),
});

/** `listDecisions`. */
export const listDecisionsQuery = z.strictObject({
  device: z.string().max(128).optional(),
  user: z.string().max(256).optional(),
  action: words.optional(),
  state: words.optional(),
  by: z.string().max(100).optional(),
  endsWithin: z.string().max(40).optional().describe('so long: 12h, 7d'),
  search: z.string().max(128).optional(),
  sort: z.string().max(40).default('-decidedAt'),
  ...pageQuery,
});

/** One decision. */
export const decisionRow = z
  .object({
    device: maybeText.describe('null = every device of the user'),
    user: maybeText.describe('null = every user of the device'),
    state: z.string(),
    source: maybeText.describe('of an imported decision; null = an operator made it'),
    decision: decisionView,
  })
  .meta({ id: 'DecisionRow' });

/** The answer to `listDecisions`. */
export const decisionPage = pageOf(decisionRow);

/** `listUsers`. */
export const listUsersQuery = z.strictObject({
  user: z.string().max(256).optional().describe('every name that may be this user; or with * and ?'),
  group: z.string().max(256).optional(),
  search: z.string().max(128).optional(),
  sort: z.string().max(40).default('user'),
  ...pageQuery,
});

/** A user in a list. */
export const userRow = z
  .looseObject({
    user: z.string(),
    devices: z.number(),
    enabled: maybeFlag.optional(),
    groups: z.array(z.string()).nullable(),
    lastSeen: maybeTime,
    decision: decisionAction.nullable(),
  })
  .meta({ id: 'UserRow' });

/** The answer to `listUsers`. */
export const userPage = pageOf(userRow);

/** `showUser`. */
export const userDetails = z.looseObject({
  key: z.string(),
  decision: decisionView.nullable(),
  devices: z.array(z.looseObject({ device: z.string() })),
});

/** `decideUser`. */
export const decideUserBody = z.strictObject(decisionBody);
