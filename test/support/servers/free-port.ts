// Owns the search for a free port for servers that cannot listen on port 0.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ephemeral ports (32768 and above, RFC 6335 6), which the system uses for connections and for port 0: a free one of
 * those could be in use before the test binds it.
 */
const FIRST = 10_000;
const LAST = 32_000;
const TRIES = 1_000;

/** A free port of 127.0.0.1 that the system does not assign by itself. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
