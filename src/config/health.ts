// Owns the address of the health probes: from the configuration, else from the environment.
import { parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** Set by the container image, whose health check needs a fixed address. */
const VARIABLE = 'EASGATE_HEALTH_LISTEN';

/** Null = no probes. @throws ConfigError when the environment variable is no address and port */
export function healthEndpoint({ health }: Config): Endpoint | null {
  const text = health.listen ?? process.env[VARIABLE] ?? '';
  if (text === '') return null;
  const endpoint = parseEndpoint(text);
  if (endpoint === null)
    throw new ConfigError('health.listen', [`${VARIABLE} must be ADDRESS:PORT, such as 127.0.0.1:8782`]);
  return endpoint;
}
