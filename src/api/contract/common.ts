// Owns what many requests and responses share: times, pages, flags of a query, decisions, problems (RFC 9457).
import { z } from 'zod';

/** A time. */
export const time = z
  .string()
  .meta({ description: 'ISO 8601, UTC, to the millisecond', format: 'date-time' });
/** A time, or none. */
export const maybeTime = time.nullable();
/** A text, or none. */
export const maybeText = z.string().nullable();

/** A flag of a query: `?dryRun=true`. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

/** What every list takes. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(1_000).default(50).describe('rows of a page'),
  after: z.string().max(2_000).optional().describe('`next` of the page before; absent = the first page'),
};

/** A page of a list. */
export const pageOf = <Row extends z.ZodType>(row: Row) =>
  z.object({
    rows: z.array(row),
    next: maybeText.describe('for `after` of the next page; null = this is the last one'),
    asOf: maybeTime.describe('changes up to this moment are in it; null = the directory was read just now'),
  });

/** What a user or an operator decides by hand. */
export const accessAction = z.enum(['allow', 'block', 'quarantine']);
/** Actions of stored decisions. */
export const decisionAction = z.enum(['allow', 'block', 'quarantine', 'wipe', 'accountWipe']);

/** A decision in the body of a request. */
export const decisionBody = {
  action: accessAction,
  reason: z.string().min(1).max(500).nullable().default(null).describe('why; shown to operators'),
  expiresAt: time.nullable().default(null).describe('when it ends; null = never'),
};

/** A stored decision; a wipe has more fields. */
export const decisionView = z.looseObject({
  action: decisionAction,
  owner: z.string().describe('who decided'),
  reason: maybeText,
  decidedAt: time,
  expiresAt: maybeTime.optional(),
});

/** How many phones, by how lately they were seen. */
export const seenCounts = z.object({
  all: z.number(),
  lastDay: z.number(),
  lastWeek: z.number(),
  lastMonth: z.number(),
});

/** An error, as application/problem+json (RFC 9457). */
export const problem = z
  .object({
    type: z.string().describe('urn:easgate:error: and the code'),
    title: z.string(),
    status: z.number(),
    code: z.string().describe('stable; see docs/reference/errors.md'),
    detail: z.string().describe('what happened, and what to do'),
    problems: z
      .array(
        z.object({
          path: z.string().describe('JSON pointer (RFC 6901) into the body, or query/NAME'),
          message: z.string(),
        }),
      )
      .optional()
      .describe('what is wrong with which field'),
    requestId: z.string().optional().describe('for the log of the gateway'),
  })
  .meta({ id: 'Problem' });
