// Owns the `journal` section: where the journal and the audit are kept, and how long.
import { z } from 'zod';

const days = (preset: number, what: string): z.ZodDefault<z.ZodNumber> =>
  z.number().positive().max(36_500).default(preset).describe(what);
const entries = (preset: number, what: string): z.ZodDefault<z.ZodNumber> =>
  z.number().int().min(1_000).max(1_000_000_000).default(preset).describe(what);

/** `journal:` of the configuration file. */
export const journalSection = z.strictObject({
  path: z
    .string()
    .min(1)
    .optional()
    .describe(
      'SQLite file of journal and audit beside an embedded directory; absent = journal.db beside store.path. With Redis they are in Redis, as KEYPREFIXjournal and KEYPREFIXaudit',
    ),
  maxAgeDays: days(90, 'entries of the journal are kept so long, in days'),
  maxEntries: entries(
    1_000_000,
    'entries of the journal that are kept, the newest; a million take about 500 MB as a file, 300 MB of memory in Redis',
  ),
  auditMaxAgeDays: days(1_095, 'entries of the audit are kept so long, in days'),
  auditMaxEntries: entries(1_000_000, 'entries of the audit that are kept, the newest'),
});
