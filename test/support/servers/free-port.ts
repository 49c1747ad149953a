// Owns finding a port for servers that cannot listen on port 0.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems choose by themselves, for connections and for port 0 (32768 and above, RFC 6335 6): of
 * those one that is free now could be taken before it is used.
 */
const FIRST = 10_000;
const LAST = 32_000;
const TRIES = 1_000;

/** A port of 127.0.0.1 that is free, and that nobody gets who does not ask for it by its number. */
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
