// Owns the `feeds` section: where compliance data comes from, in order of precedence.
import { z } from 'zod';
import { mappingSection } from '../../feeds/cel/document.ts';
import { MAX_MEGABYTES } from '../../feeds/files/limits.ts';
import { FORMATS } from '../../feeds/format-names.ts';
import { graphFields, hasOneSignIn, ONE_SIGN_IN } from '../../feeds/graph/settings.ts';
import { httpFields } from '../../feeds/json-api/settings.ts';
import { ldapFields } from '../../feeds/ldap/settings.ts';
import { isTimeZone } from '../../feeds/times.ts';
import { ONE_CREDENTIAL, hasOneCredential, webhookFields } from '../../feeds/webhook/settings.ts';
import { count, secret } from './fields.ts';

const nameField = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'must be a name: letters, digits, ".", "_" and "-", 64 at most')
    .describe('name of the feed; its records are stored under it'),
};

/** How the records of a feed are brought into the directory. */
const applyFields = {
  maxRemoved: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('part of the devices, users and members of a group that one run may remove; at least 20'),
  maxChanged: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('part of the devices, users and members of a group that one run may change; at least 20'),
  joinBy: z
    .array(
      z
        .string()
        .regex(
          /^(?:serialNumber|udid|imei|ownerAndModel|attributes\.[^\s].{0,63})$/,
          'must be serialNumber, udid, imei, ownerAndModel or attributes.NAME',
        ),
    )
    .max(8)
    .optional()
    .describe(
      'second names by which a record without a device id is joined to a device, the first match counts; absent = serialNumber, udid, and for values that refuse imei and ownerAndModel',
    ),
};

/** What every feed has that reads its source. */
const feedFields = {
  ...nameField,
  schedule: z
    .string()
    .min(1)
    .max(100)
    .default('*/15 * * * *')
    .describe('when it runs: minute, hour, day, month, weekday (cron); of several gateways one runs it'),
  fullEveryHours: count(24, 'hours after which a feed that reads changes reads everything again'),
  staleAfter: count(4, 'missed runs after which the feed counts as stale'),
  ...applyFields,
  allowDecisions: z
    .boolean()
    .default(false)
    .describe('whether allows of the source, such as personal lists of Exchange, take effect, for 30 days'),
};

/** How files and bodies of an exporter are read. */
const readingFields = {
  format: z
    .enum(['auto', ...FORMATS])
    .default('auto')
    .describe('what the files are; auto = by their content'),
  mapping: mappingSection.optional(),
  timeZone: z
    .string()
    .refine(isTimeZone, 'must be a time zone, such as Europe/Berlin or UTC')
    .default('UTC')
    .describe('zone of times that name none, such as Europe/Berlin'),
  dates: z
    .enum(['day-first', 'month-first'])
    .optional()
    .describe('order in dates such as 3/2/2026; absent = by all dates of the column'),
};

const files = z
  .strictObject({
    ...feedFields,
    kind: z.literal('files').describe('a file, or a folder of files'),
    path: z.string().min(1).describe('path of the file or folder'),
    read: z
      .enum(['all', 'newest', 'each'])
      .default('all')
      .describe(
        'of a folder: all = its files together are the whole set; newest = the newest file is; each = each new or changed file is read once, and removes nothing',
      ),
    settleSeconds: z
      .number()
      .min(0)
      .max(600)
      .default(5)
      .describe(
        'a file that did not change for so long is complete, in seconds: for newest and each, and for every file that is read because it changed',
      ),
    moveRead: z
      .boolean()
      .default(false)
      .describe(
        'for each: files that were read are moved to the folders done and failed in the folder; else they stay',
      ),
    maxMegabytes: count(
      MAX_MEGABYTES,
      'largest file, unpacked, in megabytes: nothing of a larger one is used, and the run fails',
    ),
    ...readingFields,
  })
  .refine(({ format, mapping }) => format === 'auto' || mapping === undefined, {
    error: 'must be there without format: one of both says what the records are',
    path: ['mapping'],
  })
  .refine(({ read, moveRead }) => !moveRead || read === 'each', {
    error: 'must be false where read is not each: the files are read again in each run',
    path: ['moveRead'],
  });

/** What every feed has that is sent its records. */
const receivedFields = {
  ...nameField,
  ...applyFields,
  expectedHours: z
    .number()
    .positive()
    .max(8_760)
    .optional()
    .describe('hours without a delivery after which the feed counts as stale; absent = never'),
  maxPerMinute: count(600, 'most deliveries a minute; more are answered 429'),
};

const webhook = z
  .strictObject({
    ...receivedFields,
    kind: z.literal('webhook').describe('events that a device management sends to `receive.listen`'),
    ...webhookFields(secret),
    ...readingFields,
  })
  .refine(hasOneCredential, ONE_CREDENTIAL);

const push = z.strictObject({
  ...receivedFields,
  kind: z.literal('push').describe('records of easgate that a program of yours sends to `receive.listen`'),
  tokens: z
    .array(
      z.union([
        z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits') }),
        secret,
      ]),
    )
    .min(1)
    .max(5)
    .describe(
      'tokens that may write this feed: { sha256: HEX } of the token, or a secret; several while one replaces another',
    ),
  maxMegabytes: count(512, 'longest body of a bulk, unpacked, in megabytes'),
});

const graph = z
  .strictObject({
    ...feedFields,
    kind: z.literal('graph').describe('Intune and Entra, by Microsoft Graph'),
    ...graphFields(secret),
  })
  .refine(hasOneSignIn, ONE_SIGN_IN);

const ldap = z.strictObject({
  ...feedFields,
  kind: z.literal('ldap').describe('Active Directory or another LDAP directory'),
  ...ldapFields(secret),
});

const http = z
  .strictObject({
    ...feedFields,
    kind: z.literal('http').describe('a JSON API that is polled'),
    ...httpFields(secret),
    mapping: mappingSection.optional(),
  })
  .refine(({ format, mapping }) => (format === undefined) !== (mapping === undefined), {
    error: 'must be there, or else format: one of both says what the records are',
    path: ['mapping'],
  });

/** `feeds:` of the configuration file. */
export const feedsSection = z
  .array(z.discriminatedUnion('kind', [files, graph, ldap, http, webhook, push]))
  .max(50)
  .superRefine((feeds, context) => {
    for (const [index, { name }] of feeds.entries())
      if (feeds.findIndex((feed) => feed.name === name) !== index)
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: 'must be a name of its own: another feed has it',
        });
  })
  .default([]);
