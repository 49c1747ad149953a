// Owns the `log` section: level, destination and content of log lines.
import { z } from 'zod';

/** `log:` of the configuration file. */
export const logSection = z.strictObject({
  level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('lowest level that is logged'),
  access: z.boolean().default(true).describe('one line per finished request'),
  accessFormat: z
    .enum(['json', 'w3c'])
    .default('json')
    .describe(
      'form of the lines of finished requests: JSON, or W3C extended with the fields of IIS, which needs accessDestination',
    ),
  accessDestination: z
    .string()
    .min(1)
    .optional()
    .describe('path of a file for the lines of finished requests alone; absent = with the other lines'),
  format: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .describe(
      'form of the other lines: JSON, or text for a person; auto = text where standard output is a terminal, else JSON',
    ),
  destination: z.string().min(1).default('stdout').describe('"stdout" or the path of a file'),
  identities: z.boolean().default(true).describe('log user, device and client address; false = omit them'),
  summarySeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(300)
    .describe('interval of the log lines with counters, per worker, in seconds; 0 = none'),
});
