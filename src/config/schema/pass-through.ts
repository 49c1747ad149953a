// Owns the `passThrough` section: paths beside Exchange ActiveSync that are forwarded.
import { z } from 'zod';
import { count, isHttpUrl, seconds } from './fields.ts';

/** `passThrough:` of the configuration file. */
export const passThroughSection = z.strictObject({
  paths: z
    .array(
      z.strictObject({
        path: z
          .string()
          .regex(/^\/[A-Za-z0-9._~/-]*$/, 'must be a path that begins with /: letters, digits and . _ ~ / -')
          .describe('path as clients write it, without query'),
        match: z.enum(['exact', 'prefix']).default('exact').describe('prefix = also all paths below it'),
        upgrade: z.boolean().default(false).describe('allow WebSocket connections'),
      }),
    )
    .min(1)
    .max(64)
    .describe('paths that are forwarded; all others get 404. Exchange ActiveSync cannot be listed'),
  url: z
    .string()
    .refine(isHttpUrl, 'must be http(s)://host:port, without user, path or query')
    .optional()
    .describe(
      'server for these paths; absent = the mail servers, chosen by upstream.strategy (deviceHash then hashes the client address)',
    ),
  hostHeader: z
    .enum(['preserve', 'upstream'])
    .default('preserve')
    .describe("Host header for the server: the client's, or the host of url"),
  responseTimeoutSeconds: seconds(120, 'longest wait for a response head'),
  idleTimeoutSeconds: seconds(300, 'longest pause inside a response or a WebSocket connection'),
  maxConnections: count(5_000, 'most client connections on these paths'),
  maxBodyBytes: count(104_857_600, 'largest request body, in bytes'),
});
