// Owns the pass-through connections to one mail server: opened by the rules of the EAS lane (TLS, source address, PROXY
// header, timeouts), pooled by Node's agent.
import type { Socket } from 'node:net';
import { http } from '../../node-http.ts';
import { dial } from '../upstream/dial.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Lifetime of unused connections: below the idle timeout of IIS and common load balancers. */
const IDLE_MS = 30_000;

/** Established sockets, including TLS. */
const standing = new WeakSet<Socket>();

/** Whether data may have been sent on the socket. */
export function hasStood(socket: Socket | null): boolean {
  return socket !== null && standing.has(socket);
}

/** An agent for plain requests; TLS, if any, is below it. */
export class ServerAgent extends http.Agent {
  readonly server: UpstreamServer;
  private readonly proxyHeader: Buffer | null;
  private sources = 0;

  /** `proxyHeader` is sent first on every connection, which then serves one client only. */
  constructor(server: UpstreamServer, maxSockets: number, proxyHeader: Buffer | null) {
    super({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets, timeout: IDLE_MS });
    this.server = server;
    this.proxyHeader = proxyHeader;
  }

  override createConnection(): Socket {
    const { settings } = this.server;
    const { sourceAddresses, tls, connectTimeoutMs } = settings;
    const localAddress =
      sourceAddresses.length === 0 ? undefined : sourceAddresses[this.sources++ % sourceAddresses.length];
    const { socket } = dial(
      settings,
      { localAddress, session: undefined, proxyHeader: this.proxyHeader },
      null,
    );
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })),
      connectTimeoutMs,
    );
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      standing.add(socket);
    });
    socket.once('close', () => clearTimeout(timer));
    return socket;
  }
}
