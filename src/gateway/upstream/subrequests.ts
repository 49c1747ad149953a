// Owns the questions of its own that the gateway asks mail servers, beside the way of phones: connections, time, size.
import { Pool } from 'undici';
import type { HttpErrorCode } from '../../errors.ts';
import { VIA_PSEUDONYM } from '../../http/via.ts';
import { undiciOptions, undiciOrigin } from './undici-options.ts';
import type { UpstreamServer } from './upstream-server.ts';

/** What is asked. */
export interface Question {
  readonly method: 'OPTIONS' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** A longer answer is not read to its end. */
  readonly maxBytes: number;
}

/** What the server said. */
export interface QuestionAnswer {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[];
  /** Null = longer than asked for. */
  readonly body: Buffer | null;
}

interface UnderWay {
  readonly abort: AbortController;
  /** Clock milliseconds. */
  readonly until: number;
}

/** One pool per mail server, made when it is first asked. A question may take as long as the response to a phone's request. */
export class QuestionPools {
  private readonly pools = new Map<UpstreamServer, Pool>();
  private readonly underWay = new Set<UnderWay>();
  private readonly now: () => number;
  private readonly connections: number;

  /** `connections` to each server at most; a question beyond them waits for one. */
  constructor(now: () => number, connections: number) {
    this.now = now;
    this.connections = connections;
  }

  /** Asks; rejects when there is no whole answer in time. */
  async ask(server: UpstreamServer, question: Question): Promise<QuestionAnswer> {
    const abort = new AbortController();
    const entry: UnderWay = { abort, until: this.now() + server.settings.responseTimeoutMs };
    this.underWay.add(entry);
    try {
      const { maxBytes, body: sent, ...request } = question;
      const { statusCode, statusText, headers, body } = await this.of(server).request({
        ...request,
        // An address that leads back here is found by it, as with the requests of phones.
        headers: { ...request.headers, via: `1.1 ${VIA_PSEUDONYM}` },
        ...(sent === undefined ? {} : { body: sent }),
        signal: abort.signal,
        responseHeaders: 'raw',
      });
      return {
        status: statusCode,
        reason: statusText,
        // What `raw` makes of them, which the types of undici do not know.
        headers: headers as unknown as string[],
        body: await readAtMost(body, maxBytes),
      };
    } finally {
      this.underWay.delete(entry);
    }
  }

  /** Ends what has taken too long. */
  sweep(): void {
    const now = this.now();
    for (const { abort, until } of this.underWay) if (until <= now) abort.abort();
  }

  /** Ends every question. */
  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
  }

  private of(server: UpstreamServer): Pool {
    let pool = this.pools.get(server);
    if (pool === undefined) {
      // The time-outs of undici are for each silence; they are the backstop of sweep().
      const options = undiciOptions(server.settings, server.settings.responseTimeoutMs);
      pool = new Pool(undiciOrigin(server.settings), { ...options, connections: this.connections });
      this.pools.set(server, pool);
    }
    return pool;
  }
}

/** What a question that got no answer failed by. */
export function questionError(error: unknown): HttpErrorCode {
  if (!(error instanceof Error)) return 'EASGATE_UPSTREAM_CONNECT';
  const code = 'code' in error ? error.code : undefined;
  if (error.name === 'AbortError') return 'EASGATE_UPSTREAM_TIMEOUT';
  if (error.name === 'HTTPParserError') return 'EASGATE_UPSTREAM_INVALID';
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'EASGATE_UPSTREAM_CONNECT_TIMEOUT';
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'EASGATE_UPSTREAM_TIMEOUT';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
      return 'EASGATE_UPSTREAM_CLOSED';
    default:
      return 'EASGATE_UPSTREAM_CONNECT';
  }
}

/** The whole body; null, and no more of it is read, when it is longer. */
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
