// Owns the section `admin.provider`: signing in to the dashboard with OpenID Connect.
import { z } from 'zod';
import { file, secret } from './fields.ts';

const groups = z.array(z.string().min(1).max(256)).max(200).default([]);

/** A provider on this host, for trying, may speak plain HTTP. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash, username } = new URL(text);
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  return (
    (protocol === 'https:' || (protocol === 'http:' && isLocal)) &&
    search === '' &&
    hash === '' &&
    username === ''
  );
}

/** Issuers of Microsoft Entra that stand for every tenant: whoever has one could give himself any role. */
const EVERY_TENANT = /^https:\/\/login\.microsoftonline\.com\/(?:common|organizations|consumers)(?:\/|$)/i;

/** `admin.provider`. */
export const adminProvider = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(60)
      .default('company account')
      .describe('what the button says: sign in with …'),
    issuer: z
      .string()
      .refine(isIssuer, 'must be an https URL')
      .refine(
        (text) => !EVERY_TENANT.test(text),
        'lets in accounts of every tenant: name your own, as https://login.microsoftonline.com/TENANT/v2.0',
      )
      .describe(
        'issuer of the provider, exactly as its /.well-known/openid-configuration says, such as https://login.microsoftonline.com/TENANT/v2.0',
      ),
    clientId: z.string().min(1).describe('id of this application at the provider'),
    clientSecret: secret.optional().describe('its secret; a certificate is safer'),
    certificate: z
      .strictObject({
        certificate: file('PEM file of the certificate, as registered at the provider'),
        key: file('PEM file of its RSA key, not encrypted'),
      })
      .optional()
      .describe('signs in by certificate (private_key_jwt, RFC 7523) in place of a secret'),
    scopes: z
      .array(z.string().regex(/^[!#-[\]-~]+$/, 'has characters that no scope has (RFC 6749 3.3)'))
      .max(20)
      .default(['openid', 'profile', 'email'])
      .describe('scopes to ask for; `openid` is always among them'),
    nameClaim: z
      .string()
      .min(1)
      .default('preferred_username')
      .describe(
        'claim with the name that decisions and the audit show; where it is missing: email, name, sub',
      ),
    rolesClaim: z
      .string()
      .min(1)
      .default('groups')
      .describe(
        'claim with the groups or roles of a person; a dot leads into an object, as in realm_access.roles',
      ),
    roles: z
      .strictObject({
        viewer: groups.describe('groups that may look'),
        helpdesk: groups.describe('groups that may also allow, block and quarantine'),
        operator: groups.describe('groups that may also wipe, import and run feeds'),
        admin: groups.describe('groups that may also publish policies and manage tokens'),
      })
      .refine((roles) => Object.values(roles).some((names) => names.length > 0), 'needs at least one group')
      .describe('values of that claim, by role; the highest role counts, and without any nobody is let in'),
  })
  .refine(({ clientSecret, certificate }) => (clientSecret === undefined) !== (certificate === undefined), {
    error: 'needs either clientSecret or certificate',
    path: ['clientSecret'],
  });

/** The section, with defaults. */
export type ProviderSettings = z.infer<typeof adminProvider>;
