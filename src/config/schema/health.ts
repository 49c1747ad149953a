// Owns the `health` section: probes for load balancers and container engines.
import { z } from 'zod';
import { parseEndpoint } from '../endpoint.ts';

/** `health:` of the configuration file. */
export const healthSection = z.strictObject({
  listen: z
    .string()
    .refine(
      (text) => parseEndpoint(text) !== null,
      'must be ADDRESS:PORT, such as 127.0.0.1:8782 or [::1]:8782',
    )
    .optional()
    .describe(
      'ADDRESS:PORT of the probes, without TLS or token: `/healthz` is 200 while the workers answer; `/readyz` is 200 while the directory is available, a mail server is healthy and the gateway is not stopping; else 503 with a reason. Absent = EASGATE_HEALTH_LISTEN, else no probes',
    ),
});
