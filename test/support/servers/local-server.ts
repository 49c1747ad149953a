// Owns how an HTTP server of a test starts on a free local port, and how it ends with its connections.
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Returns its port. */
export async function listenLocally(server: Server | TlsServer): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Ends the connections too. */
export function closeServer(server: Server | TlsServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** An HTTP server for the rest of the test. Returns its address. */
export async function serveDuringTest(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  onTestFinished(() => closeServer(server));
  return `http://127.0.0.1:${await listenLocally(server)}`;
}
