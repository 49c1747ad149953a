// Owns the `quarantine` section: who answers quarantined phones, and how.
import { z } from 'zod';
import { secret } from './fields.ts';

/** `quarantine:` of the configuration file. */
export const quarantineSection = z.strictObject({
  answer: z
    .enum(['mailbox', 'block'])
    .default('mailbox')
    .describe(
      'mailbox = a mailbox served by the gateway, with one message that explains why; block = the answer for blocked devices',
    ),
  provisioning: z
    .enum(['server', 'gateway'])
    .default('server')
    .describe(
      'who answers Provision and device information of a quarantined phone: the mail server, or the gateway with an empty policy',
    ),
  keySecret: secret
    .optional()
    .describe(
      'secret of at least 32 characters that authenticates the sync keys of the quarantine mailbox; absent = generated once and kept in the directory',
    ),
});
