// Owns the `control` section: the control process and its read model.
import { z } from 'zod';

/** `control:` of the configuration file. */
export const controlSection = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe(
      'run a control process beside the workers: it keeps the read model for lists and reports, and runs the feeds; phones do not depend on it. It runs too where there are feeds',
    ),
  readModel: z
    .string()
    .min(1)
    .optional()
    .describe(
      'SQLite file of the read model: a cache that may be deleted; absent = read-model.db beside store.identityFile. The index of a journal in Redis is beside it, journal-index.db',
    ),
});
