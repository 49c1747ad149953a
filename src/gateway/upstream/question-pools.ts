// Owns the connections on which the gateway asks mail servers questions of its own, beside the way of phones.
import { Pool } from 'undici';
import { undiciOptions, undiciOrigin } from './undici-options.ts';
import type { UpstreamServer } from './upstream-server.ts';

const CONNECTIONS = 8;

/** One small pool per mail server, made when it is first asked. */
export class QuestionPools {
  private readonly pools = new Map<UpstreamServer, Pool>();
  private readonly timeoutMs: number;

  /** `timeoutMs` bounds the wait for an answer's head, and each silence in its body. */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  of(server: UpstreamServer): Pool {
    let pool = this.pools.get(server);
    if (pool === undefined) {
      const options = undiciOptions(server.settings, this.timeoutMs);
      pool = new Pool(undiciOrigin(server.settings), { ...options, connections: CONNECTIONS });
      this.pools.set(server, pool);
    }
    return pool;
  }

  /** Ends every question. */
  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
  }
}
