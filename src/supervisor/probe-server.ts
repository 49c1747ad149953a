// Owns the HTTP server of probes and scrapes: limits of connections and heads, its port, its end.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { http } from '../node-http.ts';
import { listenTrouble } from './listen-trouble.ts';
import { sharePlaces } from './shared-places.ts';

/** Heads of probes and scrapes come in one piece. The check of the limit is every thirty seconds by default. */
const HEAD_MS = 2_000;
const CHECK_MS = 1_000;
const KEEP_ALIVE_MS = 5_000;
const IDLE_MS = 10_000;

/** Serves from {@link listen} to {@link close}. */
export class ProbeServer {
  private readonly server: Server;

  constructor(
    maxConnections: number,
    serve: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ) {
    this.server = http.createServer(
      {
        headersTimeout: HEAD_MS,
        requestTimeout: HEAD_MS,
        connectionsCheckingInterval: CHECK_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: 8_192,
      },
      (request, response) => void serve(request, response),
    );
    sharePlaces(this.server, maxConnections);
    // Ends connections whose client does not read the answer.
    this.server.setTimeout(IDLE_MS);
  }

  /** `setting`: of the configuration. Rejects with advice for the operator when the address cannot be listened on. */
  async listen(address: string, port: number, setting: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error) => reject(listenTrouble(error, address, port, setting)));
      this.server.listen(port, address, resolve);
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
