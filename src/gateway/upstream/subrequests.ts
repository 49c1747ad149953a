// Owns the gateway's own requests to mail servers, with bounded connections, time and size.
import type { Pool } from 'undici';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { VIA_PSEUDONYM } from '../../http/via.ts';
import type { openPool } from './subrequest-pool.ts';
import type { UpstreamServer } from './upstream-server.ts';

/** A request. */
export interface Subrequest {
  readonly method: 'OPTIONS' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** A longer body is not read to its end. */
  readonly maxBytes: number;
}

/** A response. */
export interface SubrequestAnswer {
  readonly status: number;
  readonly reason: string;
  /** Alternating names and values, unchanged. */
  readonly headers: readonly string[];
  /** Null = longer than `maxBytes`. */
  readonly body: Buffer | null;
}

interface UnderWay {
  readonly abort: AbortController;
  /** Clock milliseconds. */
  readonly until: number;
}

/**
 * One pool per mail server, created on first use; undici is loaded with the first one, as no question is asked for phones that are
 * allowed. The deadline is that of a phone's response.
 */
export class Subrequests {
  private readonly pools = new Map<UpstreamServer, Pool>();
  private readonly underWay = new Set<UnderWay>();
  private readonly now: () => number;
  private readonly connections: number;
  private open: typeof openPool | null = null;
  private closed = false;

  /** `connections` per server; further requests wait. */
  constructor(now: () => number, connections: number) {
    this.now = now;
    this.connections = connections;
  }

  /** Rejects when there is no complete response in time. */
  async ask(server: UpstreamServer, question: Subrequest): Promise<SubrequestAnswer> {
    const abort = new AbortController();
    const entry: UnderWay = { abort, until: this.now() + server.settings.responseTimeoutMs };
    this.underWay.add(entry);
    try {
      const { maxBytes, body: sent, ...request } = question;
      const open = this.open ?? (await import('./subrequest-pool.ts')).openPool;
      if (this.closed) throw new Error('the gateway stops');
      this.open = open;
      const { statusCode, statusText, headers, body } = await this.of(server, open).request({
        ...request,
        // Via detects an address that leads back here, as for phones' requests.
        headers: { ...request.headers, via: `1.1 ${VIA_PSEUDONYM}` },
        ...(sent === undefined ? {} : { body: sent }),
        signal: abort.signal,
        responseHeaders: 'raw',
      });
      return {
        status: statusCode,
        reason: statusText,
        headers: textsOf(headers),
        body: await readAtMost(body, maxBytes),
      };
    } finally {
      this.underWay.delete(entry);
    }
  }

  /** Ends overdue requests. */
  sweep(): void {
    if (this.underWay.size === 0) return;
    const now = this.now();
    for (const { abort, until } of this.underWay) if (until <= now) abort.abort();
  }

  /** Ends all requests. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
  }

  private of(server: UpstreamServer, open: typeof openPool): Pool {
    let pool = this.pools.get(server);
    if (pool === undefined) {
      pool = open(server.settings, this.connections);
      this.pools.set(server, pool);
    }
    return pool;
  }
}

/** The error code for a failed request. */
export function questionError(error: unknown): HttpErrorCode {
  if (!(error instanceof Error)) return 'EASGATE_UPSTREAM_CONNECT';
  const code = 'code' in error ? error.code : undefined;
  if (error.name === 'AbortError') return 'EASGATE_UPSTREAM_TIMEOUT';
  if (error.name === 'HTTPParserError') return 'EASGATE_UPSTREAM_INVALID';
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'EASGATE_UPSTREAM_CONNECT_TIMEOUT';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
      return 'EASGATE_UPSTREAM_CLOSED';
    default:
      return 'EASGATE_UPSTREAM_CONNECT';
  }
}

/** The complete body; null, without reading further, when it is longer. */
async function readAtMost(body: AsyncIterable<Buffer>, limit: number): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > limit) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The form of headers that `raw` returns, which undici's types lack. */
function textsOf(headers: unknown): readonly string[] {
  if (!Array.isArray(headers) || !headers.every((one) => typeof one === 'string'))
    throw new TypeError('undici returned raw headers in another form');
  return headers;
}
