// Owns the log entry about why a lost connection to Redis cannot be opened again, such as an expired certificate or a changed password.
// That Redis is away is logged by those who wait for its answers: they only know that the connection is lost.
import type { OnStoreEvent } from '../store-guard.ts';
import { isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { placeOf, troubleOf } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import { mayPass } from './redis-trouble.ts';

/** Errors of a connection that was open, which do not tell why the next one fails, and answers that come too late. */
const NO_REASON = /ECONNRESET|EPIPE|closed|Socket timeout|^Error: timeout$/;

/** Logs each reason once, until a connection is ready again. */
export function logConnectionTrouble(
  clients: readonly RedisClient[],
  options: RedisStoreOptions,
  onEvent: OnStoreEvent,
): void {
  const told = new Set<string>();
  const note = (error: unknown): void => {
    if (mayPass(error) || NO_REASON.test(String(error))) return;
    const { message: cause } = troubleOf(error, options);
    if (told.has(cause)) return;
    told.add(cause);
    onEvent(
      'warn',
      { code: 'EASGATE_STORE_CONNECTION', event: 'store_connection', store: placeOf(options), cause },
      'no new connection to the directory can be opened; see cause',
    );
  };
  for (const client of clients) {
    client.on(isCluster(client) ? 'node error' : 'error', note);
    client.on('ready', () => told.clear());
  }
}
