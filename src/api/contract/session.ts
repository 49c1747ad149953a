// Owns the requests and responses of signing in, of sessions and of tokens.
import { z } from 'zod';
import { maybeTime, time } from './common.ts';
import { ROLES } from './paths.ts';

export const role = z.enum(ROLES);

/** `signInWays`. */
export const signInWays = z.object({
  gateway: z.string().describe('name of the gateway'),
  version: z.string(),
  token: z.literal(true),
  provider: z
    .object({ name: z.string(), url: z.string().describe('leads to the provider and back') })
    .nullable()
    .describe('OpenID Connect; null = not set up'),
  needsSetUp: z.boolean().describe('nobody is an admin yet: `easgate admin setup` prints a one-time link'),
});

/** `signIn`. */
export const signInBody = z.union([
  z.strictObject({ token: z.string().min(1).max(200) }),
  z.strictObject({ setUp: z.string().min(1).max(200).describe('the secret of the one-time link') }),
]);

/** A session, as its owner sees it. */
export const session = z
  .object({
    name: z.string().describe('who is signed in'),
    role,
    by: z.enum(['token', 'setUp', 'provider', 'bearer']).describe('how'),
    expiresAt: maybeTime.describe('the latest end; null = a token without an end'),
    idleUntil: maybeTime.describe('the end unless it is used; null = a request with a token has no session'),
    gateway: z.string(),
    version: z.string(),
  })
  .meta({ id: 'Session' });

/** A session in a list. */
export const sessionRow = z.object({
  id: z.string(),
  name: z.string(),
  role,
  by: z.enum(['token', 'setUp', 'provider']),
  createdAt: time,
  lastUsedAt: time,
  expiresAt: time,
  isOwn: z.boolean(),
});

/** A token in a list. */
export const tokenRow = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    createdBy: z.string(),
    createdAt: time,
    expiresAt: maybeTime,
    lastUsedAt: maybeTime.describe('to the minute'),
  })
  .meta({ id: 'Token' });

/** `createToken`. */
export const tokenBody = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}\p{Cf}\u2028\u2029]*$/u, 'has characters that cannot be shown')
    .describe('what it is for'),
  role,
  expiresInDays: z.number().int().min(1).max(3_650).nullable().default(90).describe('null = it does not end'),
  expiresAt: maybeTime.optional().describe('takes precedence over expiresInDays; null = it does not end'),
});

/** The answer to it. */
export const newToken = tokenRow.extend({
  secret: z.string().describe('shown once: only its SHA-256 is stored'),
});
