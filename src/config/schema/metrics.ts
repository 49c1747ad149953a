// Owns the `metrics` section: numbers for Prometheus.
import { z } from 'zod';
import { parseEndpoint } from '../endpoint.ts';
import { secret } from './fields.ts';

/** `metrics:` of the configuration file. */
export const metricsSection = z.strictObject({
  listen: z
    .string()
    .refine(
      (text) => parseEndpoint(text) !== null,
      'must be ADDRESS:PORT, such as 127.0.0.1:9782 or [::1]:9782',
    )
    .optional()
    .describe(
      'ADDRESS:PORT at which `/metrics` is served, without TLS, by the primary process; absent = not served. It needs token or open',
    ),
  token: secret
    .optional()
    .describe(
      'token that Prometheus sends as `Authorization: Bearer`; the value, or { env: NAME } or { file: PATH }, 16 characters or more',
    ),
  open: z
    .boolean()
    .default(false)
    .describe('serve without a token: everybody who reaches the address can read the numbers'),
});
