// Owns the settings of a feed that polls a JSON API.
import { z } from 'zod';
import { FORMATS } from '../format-names.ts';

/** Names that the request itself sets, or that would change how it is read (RFC 9110 7.6.1, RFC 9112 6). */
const RESERVED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'keep-alive',
  'proxy-connection',
  'accept-encoding',
]);

/** https anywhere; http to this host alone: a token on the wire is anybody's. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return (
    (protocol === 'https:' || (protocol === 'http:' && isLocal)) && `${username}${password}${hash}` === ''
  );
}

const address = z
  .string()
  .max(2_000)
  .refine(isSafeUrl, 'must be https://host/path, without a user, a password or #; http only to this host');

/** A path of names in a JSON document. */
const path = z.string().regex(/^[^.\s][^\s]{0,199}$/, 'must be names separated by dots, such as data.items');

const positive = (value: number, most: number, what: string) =>
  z.number().int().min(1).max(most).default(value).describe(what);

const PAGING = ['link', 'next', 'cursor', 'page', 'offset'] as const;

/** How the next page is asked for. */
const pagingFields = z
  .strictObject({
    by: z
      .enum(PAGING)
      .default('link')
      .describe(
        'link: header Link with rel=next (RFC 8288); next: an address in the body; cursor: a value in the body, sent as a parameter; page and offset: counted in a parameter',
      ),
    next: path.optional().describe('where the address or the cursor is in the body, such as paging.next'),
    parameter: z
      .string()
      .regex(/^[\w.[\]$-]{1,100}$/, 'must be the name of a parameter')
      .optional()
      .describe('parameter of the address for the cursor, the page or the offset'),
    first: z.number().int().min(0).max(1).default(0).describe('number of the first page'),
  })
  .refine(({ by, next }) => (by === 'next' || by === 'cursor') === (next !== undefined), {
    error: 'must be there for next and cursor, and only for them',
    path: ['next'],
  })
  .refine(({ by, parameter }) => ['cursor', 'page', 'offset'].includes(by) === (parameter !== undefined), {
    error: 'must be there for cursor, page and offset, and only for them',
    path: ['parameter'],
  });

/** Fields of a feed of kind `http`. `secret`: the kind of a secret in the configuration file; a plain text once it is read. */
export function httpFields<Secret extends z.ZodType>(secret: Secret) {
  return {
    url: address.describe('address of the list; its parameters are sent with each page'),
    body: z
      .string()
      .max(65_536)
      .optional()
      .describe('JSON that is sent with POST in place of GET, for APIs that list so'),
    headers: z
      .record(
        z
          .string()
          .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'must be the name of a header (RFC 9110 5.1)')
          .refine(
            (name) => !RESERVED.has(name.toLowerCase()),
            'must be another header: the request sets this one',
          ),
        secret,
      )
      .default({})
      .describe('further headers, such as an API key; each value is a secret'),
    auth: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('bearer'), token: secret.describe('the token') }),
        z.strictObject({
          type: z.literal('basic'),
          user: z
            .string()
            .min(1)
            .max(256)
            .regex(/^[^:]*$/, 'must be a name without ":" (RFC 7617 2)')
            .describe('user name'),
          password: secret.describe('its password'),
        }),
        z.strictObject({
          type: z.literal('oauth'),
          tokenUrl: address.describe('address where tokens are given'),
          clientId: z.string().min(1).max(256).describe('id of the client'),
          clientSecret: secret.describe('its secret'),
          scope: z.string().min(1).max(1_000).optional().describe('scope that is asked for'),
          audience: z.string().min(1).max(1_000).optional().describe('audience that is asked for'),
          clientAuth: z
            .enum(['post', 'basic'])
            .default('post')
            .describe('how the secret is sent: in the form, or as Basic'),
        }),
      ])
      .optional()
      .describe('sign-in: bearer (a fixed token), basic, or oauth (client credentials, RFC 6749 4.4)'),
    list: path
      .optional()
      .describe('where the list is in the body, such as data.items; absent = the list that the body has'),
    count: path
      .optional()
      .describe('where the body says how many records there are in all, such as paging.total'),
    countHeader: z
      .string()
      .regex(/^[\w-]{1,100}$/, 'must be the name of a header')
      .optional()
      .describe('header that says how many records there are in all, such as X-Total-Count'),
    paging: pagingFields.prefault({}).describe('how further pages are asked for'),
    whole: z
      .boolean()
      .default(true)
      .describe('whether the list is the whole set: what it no longer has counts as removed'),
    format: z.enum(FORMATS).optional().describe('what the records are; or a mapping'),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file of the authorities trusted; absent = those of Node.js'),
    timeoutSeconds: z
      .number()
      .positive()
      .max(600)
      .default(60)
      .describe('longest wait for one answer, in seconds'),
    tries: positive(
      6,
      20,
      'how often a request is sent before the run fails: throttling, errors of the server, lost connections',
    ),
    maxWaitSeconds: z
      .number()
      .positive()
      .max(3_600)
      .default(300)
      .describe(
        'longest pause that the server may ask for within a run, in seconds; for a longer one the run ends and is tried again after it',
      ),
    maxPages: positive(10_000, 1_000_000, 'most pages of the list; with more the run fails'),
    maxPageBytes: positive(
      67_108_864,
      268_435_456,
      'largest page, in bytes; with a larger one the run fails',
    ),
    maxRecords: positive(5_000_000, 100_000_000, 'most records of the list; with more the run fails'),
  };
}

/** Settings whose secrets are read. */
export type HttpSettings = z.infer<z.ZodObject<ReturnType<typeof httpFields<z.ZodString>>>>;
