// Owns the choice of a mail server for a request. No sockets, no waiting.
import type { UpstreamSettings } from '../settings.ts';
import { UpstreamServer } from './upstream-server.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The servers of one gateway, and the selection. */
export class Balancer {
  readonly servers: readonly UpstreamServer[];
  private readonly settings: UpstreamSettings;
  private readonly seeds: readonly number[];

  /** `onTrouble`: a server is out of use or back; `isLast` = it failed, but still gets requests, as no other one is in use. */
  constructor(
    settings: UpstreamSettings,
    now: () => number,
    onTrouble: (server: UpstreamServer, cause: string, isLast: boolean) => void,
  ) {
    this.settings = settings;
    const tell = (server: UpstreamServer, cause: string): void =>
      onTrouble(server, cause, this.isLast(server));
    this.servers = settings.servers.map((server) => new UpstreamServer(server, settings, now, tell));
    this.seeds = settings.servers.map(({ name }) => hash(FNV_OFFSET, name));
  }

  /**
   * The server for a request with `key` (its device), other than `except`; null = none available. A server that was
   * excluded because of failed requests is used rather than none.
   */
  pick(key: string, except: UpstreamServer | null): UpstreamServer | null {
    const [first] = this.servers;
    if (this.servers.length === 1 && first !== undefined) {
      return first === except || !first.healthy ? null : first;
    }
    return this.choose(key, except, false) ?? this.choose(key, except, true);
  }

  /** Connections in use over all servers. */
  get busy(): number {
    return this.servers.reduce((sum, server) => sum + server.pool.busy, 0);
  }

  /** Open connections over all servers. */
  get open(): number {
    return this.servers.reduce((sum, server) => sum + server.pool.open, 0);
  }

  sweep(now: number): void {
    for (const server of this.servers) server.pool.sweep(now);
  }

  close(): void {
    for (const server of this.servers) server.pool.close();
  }

  /** Whether {@link pick} returns it although requests failed. */
  private isLast(server: UpstreamServer): boolean {
    return server.healthy && !this.servers.some((one) => one.usable);
  }

  private choose(key: string, except: UpstreamServer | null, evenEjected: boolean): UpstreamServer | null {
    const { strategy } = this.settings;
    if (strategy === 'deviceHash') return this.byHash(key, except, evenEjected);
    return strategy === 'leastConnections'
      ? this.leastConnections(except, evenEjected)
      : this.roundRobin(except, evenEjected);
  }

  /** Smooth weighted round robin: shares hold over every interval, without bursts to one server. */
  private roundRobin(except: UpstreamServer | null, evenEjected: boolean): UpstreamServer | null {
    let best: UpstreamServer | null = null;
    let total = 0;
    for (const server of this.servers) {
      if (!mayGet(server, except, evenEjected)) continue;
      const { share } = server;
      total += share;
      server.credit += share;
      if (best === null || server.credit > best.credit) best = server;
    }
    if (best !== null) best.credit -= total;
    return best;
  }

  private leastConnections(except: UpstreamServer | null, evenEjected: boolean): UpstreamServer | null {
    let best: UpstreamServer | null = null;
    let least = Infinity;
    for (const server of this.servers) {
      if (!mayGet(server, except, evenEjected)) continue;
      const load = (server.pool.busy + server.pool.queued + 1) / server.share;
      if (load >= least) continue;
      least = load;
      best = server;
    }
    return best;
  }

  /**
   * Rendezvous hashing: a device stays with its server, and only the devices of a lost server move. Weights change the
   * shares; slow start does not, because moving a device loses its sync state.
   */
  private byHash(key: string, except: UpstreamServer | null, evenEjected: boolean): UpstreamServer | null {
    let best: UpstreamServer | null = null;
    let highest = -Infinity;
    for (const [index, server] of this.servers.entries()) {
      if (!mayGet(server, except, evenEjected)) continue;
      const drawn = (mix(hash(this.seeds[index] as number, key)) + 1) / 0x1_0000_0001;
      const score = -server.settings.weight / Math.log(drawn);
      if (score <= highest) continue;
      highest = score;
      best = server;
    }
    return best;
  }
}

function mayGet(server: UpstreamServer, except: UpstreamServer | null, evenEjected: boolean): boolean {
  return server !== except && (evenEjected ? server.healthy : server.usable);
}

/** FNV-1a, 32 bits. */
function hash(seed: number, text: string): number {
  let value = seed;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), FNV_PRIME);
  }
  return value >>> 0;
}

/** Finalizer of MurmurHash3: FNV alone leaves the high bits of short keys similar. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
