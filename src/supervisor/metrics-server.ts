// Owns `/metrics` for Prometheus, on an address of its own, with a token unless the configuration says otherwise.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MetricsEndpoint } from '../config/metrics.ts';
import { METRICS_TYPE } from '../metrics/text.ts';
import { ProbeServer } from './probe-server.ts';

const MAX_CONNECTIONS = 16;

/** Serves until closed. */
export class MetricsServer {
  /** What it was opened with. */
  readonly endpoint: MetricsEndpoint;
  private readonly server = new ProbeServer(MAX_CONNECTIONS, (request, response) =>
    this.serve(request, response),
  );
  private readonly text: () => Promise<string>;
  /** Digest of the token; null = none is needed. */
  private token: Buffer | null = null;
  /** Concurrent scrapes share one query of the processes. */
  private looking: Promise<string> | null = null;

  private constructor(endpoint: MetricsEndpoint, text: () => Promise<string>) {
    this.endpoint = endpoint;
    this.useToken(endpoint.token);
    this.text = text;
  }

  /** Rejects with advice for the operator when the address cannot be listened on. */
  static async open(endpoint: MetricsEndpoint, text: () => Promise<string>): Promise<MetricsServer> {
    const { address, port } = endpoint;
    const metrics = new MetricsServer(endpoint, text);
    await metrics.server.listen(address, port, 'metrics.listen');
    return metrics;
  }

  /** Null = everybody may read. */
  useToken(token: string | null): void {
    this.token = token === null ? null : digest(token);
  }

  get port(): number {
    return this.server.port;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = (request.url ?? '').split('?');
    // An unread body would be taken for the next request.
    if (!request.complete) response.setHeader('Connection', 'close');
    response.setHeader('Cache-Control', 'no-store');
    if (path !== '/metrics') {
      send(request, response, 404, 'not found: the metrics are at /metrics\n');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(request, response, 405, 'method not allowed\n');
    } else if (!this.admits(request.headers.authorization)) {
      // RFC 6750 3
      response.setHeader('WWW-Authenticate', 'Bearer realm="easgate metrics"');
      send(request, response, 401, 'the token of metrics.token is missing or wrong\n');
    } else {
      try {
        this.looking ??= this.text().finally(() => (this.looking = null));
        const text = await this.looking;
        response.setHeader('Content-Type', METRICS_TYPE);
        send(request, response, 200, text);
      } catch {
        send(request, response, 503, 'the metrics could not be read\n');
      }
    }
  }

  /** Digests are compared, so that the time says nothing about the token. The scheme has no case (RFC 9110 11.1). */
  private admits(authorization: string | undefined): boolean {
    if (this.token === null) return true;
    const given = authorization ?? '';
    return (
      /^bearer /i.test(given) && timingSafeEqual(digest(given.slice('bearer '.length).trim()), this.token)
    );
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function send(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.writeHead(status, { 'Content-Length': Buffer.byteLength(text) });
  response.end(request.method === 'HEAD' ? undefined : text);
}
