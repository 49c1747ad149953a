// Owns the address and the token of the metrics.
import { parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** Shortest token, in characters. */
const MIN_TOKEN_LENGTH = 16;

/** Where the metrics are served. */
export interface MetricsEndpoint extends Endpoint {
  /** Null = everybody may read. */
  readonly token: string | null;
}

/** Null = they are not served. @throws ConfigError when the token cannot be read, or is short */
export function metricsEndpoint({ metrics }: Config): MetricsEndpoint | null {
  const endpoint = metrics.listen === undefined ? null : parseEndpoint(metrics.listen);
  if (endpoint === null) return null;
  if (metrics.token === undefined) return { ...endpoint, token: null };
  const token = readSecret(metrics.token, 'metrics.token');
  if (token.length < MIN_TOKEN_LENGTH || !/^[!-~]+$/.test(token))
    throw new ConfigError('metrics.token', [
      `needs at least ${MIN_TOKEN_LENGTH} characters, of visible ASCII without spaces`,
    ]);
  return { ...endpoint, token };
}
