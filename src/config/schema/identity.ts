// Owns the `identity` section: user names and client addresses.
import { z } from 'zod';
import { ranges } from './fields.ts';

const domainGroups = z
  .array(
    z
      .array(
        z
          .string()
          .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?$/, 'must be a DNS suffix or NetBIOS name'),
      )
      .min(1),
  )
  .refine((groups) => {
    const domains = groups.flat().map((domain) => domain.toLowerCase());
    return new Set(domains).size === domains.length;
  }, 'must name each domain once: a user belongs to one group')
  .default([])
  .describe(
    'groups of DNS suffixes and NetBIOS names, e.g. [[example.com, EXAMPLE]]; within a group, names with the same local part ' +
      'are one user',
  );

/** `identity:` of the configuration file. */
export const identitySection = z.strictObject({
  userClaim: z
    .enum(['refuse', 'rewrite', 'ignore'])
    .default('refuse')
    .describe(
      'when User= is not the authenticated user: refuse the request, rewrite User=, or ignore the difference (with a client certificate or NTLM it is rewritten)',
    ),
  bearerClaim: z.string().min(1).default('upn').describe('claim of a Bearer token with the user name'),
  domains: domainGroups,
  trustedProxies: ranges
    .default([])
    .describe('addresses or blocks of proxies trusted to report the client in forwardedHeader'),
  forwardedHeader: z
    .enum(['xForwardedFor', 'forwarded'])
    .default('xForwardedFor')
    .describe(
      'header that trusted proxies set: X-Forwarded-For with X-Forwarded-Proto, or Forwarded (RFC 7239); the other is ignored',
    ),
});
