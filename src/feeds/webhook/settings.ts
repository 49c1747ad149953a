// Owns the fields of a webhook feed in the configuration. Pure.
import { z } from 'zod';

/** Letters of a header name (RFC 9110 5.1). */
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'must be the name of a header')
  .toLowerCase();

const signature = z
  .strictObject({
    header: headerName.default('x-hub-signature-256').describe('header with the signature'),
    prefix: z.string().max(40).default('sha256=').describe('what stands in front of the signature'),
    encoding: z.enum(['hex', 'base64']).default('hex').describe('how the signature is written'),
    content: z
      .string()
      .max(200)
      .regex(/^(?!.*\{body\}.*\{body\}).*\{body\}/, 'must have {body} once')
      .default('{body}')
      .describe(
        'what is signed: {body}, with {timestamp} and {id} where the sender signs them, as {id}.{timestamp}.{body}',
      ),
    timestampHeader: headerName
      .optional()
      .describe('header with the time of the delivery, which is signed too; absent = none'),
    timestampField: z
      .string()
      .regex(
        /^[A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64}){0,5}$/,
        'must be the path of a field, as event.created_at',
      )
      .optional()
      .describe('field of the body with the time of the delivery, as webhook.eventTimestamp; absent = none'),
    idHeader: headerName
      .optional()
      .describe('header with the id of the delivery, which is signed too; absent = none'),
    windowSeconds: z
      .number()
      .min(1)
      .max(3_600)
      .default(300)
      .describe('how far the signed time may be from now, in seconds'),
  })
  .superRefine(({ content, timestampHeader, timestampField, idHeader }, context) => {
    const issue = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (timestampHeader !== undefined && !content.includes('{timestamp}'))
      issue(
        'timestampHeader',
        'must be signed, as {timestamp} in content: a time that is not signed proves nothing',
      );
    if (idHeader !== undefined && !content.includes('{id}'))
      issue('idHeader', 'must be signed, as {id} in content: an id that is not signed proves nothing');
    if (timestampHeader === undefined && content.includes('{timestamp}'))
      issue('content', 'must not have {timestamp} without timestampHeader');
    if (idHeader === undefined && content.includes('{id}'))
      issue('content', 'must not have {id} without idHeader');
    if (timestampHeader !== undefined && timestampField !== undefined)
      issue('timestampField', 'conflicts with timestampHeader: remove one of them');
  });

/** The fields, but for those that all feeds have. `secret`: the schema of a secret. */
export function webhookFields<Secret extends z.ZodType>(secret: Secret) {
  return {
    secrets: z
      .array(secret)
      .min(1)
      .max(5)
      .optional()
      .describe('secrets of the signature, HMAC-SHA-256; several while one replaces another'),
    tokens: z
      .array(secret)
      .min(1)
      .max(5)
      .optional()
      .describe(
        'tokens for senders that do not sign: `Authorization: Bearer TOKEN`, or Basic with the token as the password. Such a delivery may only refuse, or trigger a run',
      ),
    signature: signature.prefault({}).describe('how the sender signs'),
    trigger: z
      .string()
      .min(1)
      .optional()
      .describe(
        'name of another feed that a delivery starts at once; then nothing of the delivery itself is stored',
      ),
    maxKilobytes: z.number().int().min(1).max(1_024).default(256).describe('longest body, in kilobytes'),
  };
}

/** Whether exactly one kind of credentials is configured. */
export function hasOneCredential({ secrets, tokens }: { secrets?: unknown; tokens?: unknown }): boolean {
  return (secrets === undefined) !== (tokens === undefined);
}

/** What is wrong where {@link hasOneCredential} is false. */
export const ONE_CREDENTIAL = {
  error: 'must be there, or else tokens: one of both proves a delivery',
  path: ['secrets'],
};
