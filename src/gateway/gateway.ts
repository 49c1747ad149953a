// Owns the listener and the life of one worker's data plane: start, react to changed decisions, drain, stop.
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import type { AccessLog } from '../observe/access-log.ts';
import { ClientConnection } from './client-connection.ts';
import { Deadlines } from './deadlines.ts';
import { GatewayCore } from './gateway-core.ts';
import type { GatewayCounters, SeenRecorder, VerdictSource } from './gateway-core.ts';
import type { ChangedKeys } from '../directory/verdict-cache.ts';
import type { GatewaySettings } from './settings.ts';
import { UpstreamPool } from './upstream/upstream-pool.ts';

/** What {@link startGateway} needs. */
export interface GatewayOptions {
  readonly settings: GatewaySettings;
  readonly verdicts: VerdictSource;
  readonly recorder: SeenRecorder;
  readonly accessLog: AccessLog | null;
}

/** A running data plane. */
export interface Gateway {
  readonly port: number;
  readonly counters: GatewayCounters;
  /** Open client connections. */
  connections(): number;
  /** Open upstream connections. */
  upstreamConnections(): number;
  /** Stops accepting, ends held polls with valid replies, lets transfers finish; at most `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Closes everything at once. */
  close(): Promise<void>;
}

/** Listens and serves. Rejects when the address cannot be bound. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, verdicts } = options;
  let drained: (() => void) | null = null;
  const deadlines: Deadlines = new Deadlines((now) => {
    pool.sweep(now);
    if (drained !== null && deadlines.size === 0) drained();
  });
  const pool = new UpstreamPool(settings.upstream, () => deadlines.now);
  const core = new GatewayCore({ ...options, pool, deadlines });
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  server.maxConnections = settings.client.maxConnections;
  server.on('connection', (socket) => new ClientConnection(socket, core));
  const stopListening = verdicts.onChange((changed) => recheckOpen(deadlines, changed));
  await listen(server, settings.port, settings.address);
  deadlines.start();

  const stop = async (): Promise<void> => {
    stopListening();
    forEachConnection(deadlines, (connection) => connection.destroy());
    pool.close();
    await core.probe.close();
    deadlines.stop();
    if (server.listening) await closeServer(server);
  };

  return {
    port: (server.address() as AddressInfo).port,
    counters: core.counters,
    connections: () => deadlines.size,
    upstreamConnections: () => pool.open,
    drain: async (timeoutMs) => {
      core.draining = true;
      server.close();
      forEachConnection(deadlines, (connection) => connection.drain());
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      await stop();
    },
    close: stop,
  };
}

/**
 * One pass over the open exchanges per batch of changes: held polls need no index of their own, and ten thousand of
 * them take about a millisecond.
 */
function recheckOpen(deadlines: Deadlines, changed: ChangedKeys): void {
  forEachConnection(deadlines, (connection) => {
    if (changed.all || connection.concerns(changed.devices, changed.users)) void connection.recheck();
  });
}

function forEachConnection(deadlines: Deadlines, visit: (connection: ClientConnection) => void): void {
  let timed = deadlines.head();
  while (timed !== null) {
    const next = timed.next;
    visit(timed as ClientConnection);
    timed = next;
  }
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: address, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
