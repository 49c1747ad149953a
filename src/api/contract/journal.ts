// Owns the requests and responses about the journal and the audit.
import { z } from 'zod';
import { maybeText, pageQuery, time } from './common.ts';
import { words } from './devices.ts';

const filter = {
  user: z.string().max(256).optional().describe('every name that may be this user'),
  device: z.string().max(128).optional().describe('an id in any spelling'),
};
const span = {
  since: z.string().max(40).optional().describe('since a time, or so long ago: 30m, 12h, 7d, 1w'),
  until: z.string().max(40).optional(),
};
const page = { limit: pageQuery.limit, after: pageQuery.after };

/** Filters of `queryJournal` that `followJournal` takes too. */
export const journalFilter = {
  ...filter,
  kind: words.optional().describe('events such as device_refused, verdict_changed, feed_run, outage'),
  reason: words.optional().describe('of the verdict'),
};

/** `queryJournal`. */
export const journalQuery = z.strictObject({ ...journalFilter, ...span, ...page });

/** `followJournal`. */
export const followJournalQuery = z.strictObject(journalFilter);

/** Something that happened; data of each event of `followJournal`. */
export const journalRow = z
  .object({
    at: time,
    kind: z.string(),
    user: maybeText,
    device: maybeText,
    action: maybeText.describe('the verdict; null = none'),
    reason: maybeText,
    rule: maybeText.describe('what decided'),
    count: z
      .number()
      .describe('how often it happened since the entry before of the same device, kind and reason'),
    gateway: maybeText.describe('the host that wrote it'),
    seconds: z.number().nullable().describe('in which it happened so often, or how long it took'),
    facts: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'JournalEntry' });

const next = maybeText.describe('for `after` of the next page, which may be empty; null = that was all');
const unreadable = z.number().describe('entries that this version does not understand; they are left out');

/** The answer to `queryJournal`. */
export const journalPage = z.object({ rows: z.array(journalRow), next, unreadable });

/** `queryAudit`. */
export const auditQuery = z.strictObject({
  ...filter,
  operation: words.optional().describe('such as decide, clear, wipe, policy_publish, sign_in'),
  by: z.string().max(100).optional().describe('who did it'),
  ...span,
  ...page,
});

/** Who changed what. */
export const auditRow = z
  .object({
    at: time,
    by: z.string(),
    via: z.string().describe('`cli` or `api`'),
    operation: z.string(),
    user: maybeText,
    device: maybeText,
    subject: maybeText.describe('what else it concerns, such as a version of the policy'),
    before: z.unknown().describe('null = nothing'),
    after: z.unknown().describe('null = nothing'),
    comment: maybeText,
  })
  .meta({ id: 'AuditEntry' });

/** The answer to `queryAudit`. */
export const auditPage = z.object({ rows: z.array(auditRow), next, unreadable });
