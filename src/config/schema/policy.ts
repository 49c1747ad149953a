// Owns the `policy` section: the policy document, or the three actions without one.
import { z } from 'zod';
import { action, count } from './fields.ts';

/** `policy:` of the configuration file. */
export const policySection = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'policy document (docs/reference/policy.md), read again whenever it changes; stands alone, without the three fields below',
    ),
  unknownDevice: action
    .optional()
    .describe('a device that no feed knows; quarantine when there is no file either'),
  notEnrolled: action.optional().describe('a device that a feed knows as not managed; likewise'),
  notCompliant: action.optional().describe('a managed device that is not compliant; likewise'),
  releaseRate: count(
    200,
    'phones a second of the gateway, shared by its workers, that a change of the policy, of the directory or a moment in time lets in, where it concerns more than 200 open ones of a worker: each of them fetches its mail anew',
  ),
});
