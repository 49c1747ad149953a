// Owns the requests and responses about decisions: their list, and the same decision for many devices.
import { z } from 'zod';
import { accessAction, decisionBody, decisionView, maybeText, pageOf, pageQuery } from './common.ts';
import { deviceFilter, words } from './devices.ts';

/** Most devices that one `decideMany` decides. The use case has the same number (app/decide-many.ts): the contract loads no code of it. */
export const MAX_DECIDED = 2_000;

/** `decideMany`: for the devices named, or for all that match a filter. */
export const decideManyBody = z.strictObject({
  ...decisionBody,
  action: z.enum([...accessAction.options, 'clear']),
  devices: z
    .array(z.string().min(1).max(128))
    .min(1)
    .max(1_000)
    .optional()
    .describe('ids; absent = those that match the filter'),
  filter: z.strictObject(deviceFilter).optional(),
  dryRun: z.boolean().describe('count only'),
  expected: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('`matched` of the preview: with another number now, nothing is written'),
});

/** The answer to it. */
export const decideManyResult = z
  .object({
    matched: z.number().describe(`devices; of more than ${MAX_DECIDED} none is decided`),
    changed: z.number().describe('devices that were decided; of a preview, that would be'),
    byState: z.record(z.string(), z.number()).describe('of those that match, before the change: phones'),
    refused: z
      .array(z.object({ device: z.string(), code: z.string(), message: z.string() }))
      .describe('100 at most'),
    refusedCount: z.number(),
  })
  .meta({ id: 'DecideManyResult' });

/** Filters of lists of decisions, as in `easgate decisions list`. */
export const decisionFilter = {
  device: z.string().max(128).optional().describe('an id in any spelling, or with * and ?'),
  user: z.string().max(256).optional().describe('every name that may be this user'),
  action: words.optional(),
  state: words.optional().describe('active, expired; of wipes: pending, failed, suspended, acknowledged'),
  source: z.string().max(64).optional().describe('the feed that imported it'),
  by: z.string().max(100).optional().describe('who decided'),
  decided: z.string().max(40).optional().describe('decided since'),
  endsWithin: z.string().max(40).optional().describe('ends in so long at most: 12h, 7d; or before a date'),
  search: z.string().max(128).optional().describe('part of the reason, or of any name'),
};

/** `listDecisions`. */
export const listDecisionsQuery = z.strictObject({
  ...decisionFilter,
  sort: z.string().max(100).default('-decidedAt'),
  ...pageQuery,
});

/** One decision. */
export const decisionRow = z
  .object({
    device: maybeText.describe('null = every device of the user'),
    user: maybeText.describe('null = every user of the device'),
    state: z.enum(['active', 'expired', 'pending', 'failed', 'suspended', 'acknowledged']),
    source: maybeText.describe('of an imported decision; null = an operator made it'),
    decision: decisionView,
  })
  .meta({ id: 'DecisionRow' });

/** The answer to `listDecisions`. */
export const decisionPage = pageOf(decisionRow);

/** `acceptSuccessor`. */
export const acceptBody = z.strictObject({
  from: z
    .string()
    .max(128)
    .nullable()
    .default(null)
    .describe('the device before the reset; null = the only one that looks like it'),
  dryRun: z.boolean().default(false).describe('only show what would be copied'),
});

const copied = z.array(z.object({ user: maybeText, decision: decisionView }));

/** The answer to it. */
export const acceptResult = z.object({
  device: z.string(),
  from: z.string(),
  copied,
  kept: copied.describe('left as they are: the newer device has a decision of its own there'),
});
