// Owns the `autodiscover` section.
import { z } from 'zod';
import { serverPath } from './fields.ts';

/** `autodiscover:` of the configuration file. */
export const autodiscoverSection = z.strictObject({
  mode: z
    .enum(['answer', 'forward'])
    .default('answer')
    .describe(
      'answer = reply with publicUrl once the mail server has accepted the password; forward = ask the mail server about the user, and replace its address by publicUrl',
    ),
  path: serverPath
    .default('/Autodiscover/Autodiscover.xml')
    .describe("path of the mail server's Autodiscover"),
});
