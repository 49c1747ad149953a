// Owns the requests and responses about users: their list, details, decisions on a user with every device.
import { z } from 'zod';
import {
  decisionAction,
  decisionBody,
  decisionView,
  maybeText,
  maybeTime,
  pageOf,
  pageQuery,
  time,
} from './common.ts';
import { accessState, decisionChange, maybeFlag, standing, words } from './devices.ts';

/** Filters of lists of users, as in `easgate users list`. */
export const userFilter = {
  user: z.string().max(256).optional().describe('every name that may be this user; or with * and ?'),
  state: words.optional().describe('at least one device is in one of these states'),
  group: z.string().max(256).optional(),
  seen: z.string().max(40).optional().describe('seen since'),
  notSeen: z.string().max(40).optional().describe('not seen since'),
  minDevices: z.coerce.number().int().min(0).max(1_000_000).optional(),
  search: z.string().max(128).optional().describe('part of a name of the user'),
};

/** `listUsers`. */
export const listUsersQuery = z.strictObject({
  ...userFilter,
  sort: z.string().max(100).default('user'),
  ...pageQuery,
});

/** A user in a list. */
export const userRow = z
  .object({
    user: z.string(),
    devices: z.number(),
    states: z.record(accessState, z.number()).describe('devices in each state'),
    reported: z.boolean().describe('a feed reports the user'),
    enabled: maybeFlag,
    groups: z.array(z.string()).nullable(),
    decision: decisionAction.nullable().describe('on the user with every device'),
    decisionExpiresAt: maybeTime,
    firstSeen: maybeTime,
    lastSeen: maybeTime,
  })
  .meta({ id: 'UserRow' });

/** The answer to `listUsers`. */
export const userPage = pageOf(userRow);

/** What all feeds together report of a user. */
export const userRecord = z.looseObject({
  aliases: z.array(z.string()),
  groups: z.array(z.string()).nullable(),
  enabled: maybeFlag,
  attributes: z.record(z.string(), z.unknown()),
});

/** What one feed reports. Null = it did not say. */
export const userReport = z.looseObject({
  key: z.string().describe('the name under which the feed reports the user'),
  source: z.string(),
  aliases: z.array(z.string()).nullable(),
  groups: z.array(z.string()).nullable(),
  enabled: maybeFlag,
  attributes: z.record(z.string(), z.unknown()).nullable(),
  observedAt: time,
});

/** `showUser`. */
export const userDetails = z
  .object({
    user: z.string(),
    record: userRecord.nullable().describe('of all feeds together; null = no feed reports the user'),
    reports: z.array(userReport),
    decision: decisionView.nullable().describe('on the user with every device'),
    history: z.array(decisionChange),
    names: z.array(z.string()).describe('names that were seen and may be this user'),
    partnerships: z.array(
      z.looseObject({
        record: z.looseObject({ user: z.string(), device: z.string() }),
        model: maybeText,
        decision: decisionView.nullable(),
      }),
    ),
    decisions: z
      .array(z.object({ device: z.string(), decision: decisionView }))
      .describe('on the user with one device'),
    ...standing,
  })
  .meta({ id: 'UserDetails' });

/** `decideUser`. */
export const decideUserBody = z.strictObject({
  ...decisionBody,
  dryRun: z.boolean().default(false).describe('only says what it would do'),
});

/** The answer to it. */
export const decideUserResult = z.object({
  user: z.string(),
  decision: decisionView,
  replaced: decisionView.nullable(),
  replicated: maybeFlag.describe('whether a second server of the directory has it; null = there is none'),
  holdsFor: z.array(z.string()).describe('other names that it holds for'),
  notFor: z.array(z.string()).describe('names alike that it does not hold for'),
  isUnknown: z.boolean().describe('no feed reports the user, and nobody signed in with the name'),
  isDisabled: z
    .boolean()
    .describe(
      'the account is disabled, which outweighs other decisions than a block, unless the policy ignores it',
    ),
});

/** The answer to `clearUserDecision`. */
export const clearUserResult = z.object({
  user: z.string(),
  cleared: decisionView.nullable().describe('null = there was none'),
});
