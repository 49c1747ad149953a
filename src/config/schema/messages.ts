// Owns the `messages` section: sender, contact and language of the quarantine message.
import { z } from 'zod';
import { isAddress } from '../../notices/mime.ts';

/** `messages:` of the configuration file. */
export const messagesSection = z.strictObject({
  organisation: z
    .string()
    .min(1)
    .max(100)
    .nullable()
    .default(null)
    .describe('name of the organisation, as in "the rules of Example Ltd"; null = not named'),
  fromName: z.string().min(1).max(100).default('Mail gateway').describe('name of the sender'),
  fromAddress: z
    .string()
    .refine(isAddress, 'must be an ASCII address of at most 70 characters, such as help@example.org')
    .default('no-reply@easgate.invalid')
    .describe('address of the sender; nothing is sent from it, but a phone offers it for replies'),
  helpContact: z
    .string()
    .min(1)
    .max(200)
    .nullable()
    .default(null)
    .describe('contact for questions: an address, a telephone number or a URL; null = "your help desk"'),
  enrolmentUrl: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
    .max(2_048)
    .nullable()
    .default(null)
    .describe('page on which users enrol a device or restore its compliance, http(s)://…; null = no link'),
  defaultLanguage: z
    .string()
    .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$/, 'must be a language tag such as en or pt-BR')
    .default('en')
    .describe('language for phones whose languages have no texts; built in: en, de, fr, es, ja'),
  timeZone: z
    .string()
    .refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin')
    .default('UTC')
    .describe('time zone of the dates in messages, IANA name'),
  templatesDir: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'folder with your own texts, one file per language, such as de.yaml; null = the built-in texts',
    ),
});

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}
