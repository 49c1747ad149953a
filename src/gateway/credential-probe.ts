// Owns asking the mail server whether credentials are good, for requests that a verdict keeps from it: only then is a
// refused device written into the inventory, so that an operator sees it and a stranger cannot fill it.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Pool } from 'undici';
import type { Exchange } from './exchange.ts';
import type { UpstreamSettings } from './settings.ts';
import type { Balancer } from './upstream/balancer.ts';
import { undiciOptions, undiciOrigin } from './upstream/undici-options.ts';
import type { UpstreamServer } from './upstream/upstream-server.ts';

/** Answers remembered, by a keyed hash of the credentials; nothing else of them is kept. */
const MAX_REMEMBERED = 10_000;
const REMEMBER_MS = 60_000;
/** A refused phone that repeats a wrong password must not lock its user out by our questions. */
const REMEMBER_REFUSED_MS = 15 * 60_000;
/** Questions under way at most; beyond it a request is simply not recorded this time. */
const MAX_IN_FLIGHT = 16;
const CONNECTIONS = 4;
const TIMEOUT_MS = 10_000;

/** Asks in the background: never delays, never throws. */
export class CredentialProbe {
  private readonly pools = new Map<UpstreamServer, Pool>();
  private readonly upstream: UpstreamSettings;
  private readonly balancer: Balancer;
  private readonly onAccepted: (exchange: Exchange) => void;
  private readonly key = randomBytes(32);
  private readonly remembered = new LRUCache<string, { readonly accepted: boolean; readonly until: number }>({
    max: MAX_REMEMBERED,
  });
  private inFlight = 0;

  constructor(upstream: UpstreamSettings, balancer: Balancer, onAccepted: (exchange: Exchange) => void) {
    this.upstream = upstream;
    this.balancer = balancer;
    this.onAccepted = onAccepted;
  }

  /** Calls back with the exchange when the mail server takes `authorization`, which came from `address`. */
  consider(exchange: Exchange, authorization: string, address: string): void {
    const hash = createHmac('sha256', this.key).update(authorization).digest('base64');
    const known = this.remembered.get(hash);
    if (known !== undefined && known.until > Date.now()) {
      if (known.accepted) this.onAccepted(exchange);
      return;
    }
    if (this.inFlight >= MAX_IN_FLIGHT) return;
    const server = this.balancer.pick(exchange.device ?? '', null);
    if (server === null) return;
    this.inFlight++;
    void this.ask(server, authorization, address)
      .then((accepted) => {
        const until = Date.now() + (accepted ? REMEMBER_MS : REMEMBER_REFUSED_MS);
        this.remembered.set(hash, { accepted, until });
        if (accepted) this.onAccepted(exchange);
      })
      // The server is away: nothing is known, nothing is remembered.
      .catch(() => undefined)
      .finally(() => this.inFlight--);
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
  }

  private async ask(server: UpstreamServer, authorization: string, address: string): Promise<boolean> {
    const { settings } = server;
    const { statusCode, body } = await this.poolOf(server).request({
      method: 'OPTIONS',
      path: this.upstream.path,
      headers: {
        authorization,
        // Who guesses passwords is the phone, and not this gateway: servers ban by address.
        'x-forwarded-for': address,
        ...(settings.hostHeader === null ? {} : { host: settings.hostHeader }),
      },
    });
    await body.dump();
    if (statusCode >= 500) throw new Error(`the mail server answered ${statusCode}`);
    // A redirect may lead to a form that asks for them.
    return statusCode < 300;
  }

  private poolOf(server: UpstreamServer): Pool {
    let pool = this.pools.get(server);
    if (pool === undefined) {
      const options = undiciOptions(server.settings, TIMEOUT_MS);
      pool = new Pool(undiciOrigin(server.settings), { ...options, connections: CONNECTIONS });
      this.pools.set(server, pool);
    }
    return pool;
  }
}
