// Owns the search for a free port for servers that cannot listen on port 0.
import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ephemeral ports (32768 and above, RFC 6335 6), which the system uses for connections and for port 0: a free one of
 * those could be in use before the test binds it.
 */
const FIRST = 10_000;
const LAST = 32_000;
const TRIES = 1_000;

/** A free port of 127.0.0.1 that the system does not assign by itself, and that no other test is given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, LAST);
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error('no free port found');
}

/**
 * Tests run side by side, and a server may start long after its port was found, or be down for a while: until this process ends, the
 * port of the same number for UDP, which no test uses, says that the other one is taken.
 */
function claim(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
