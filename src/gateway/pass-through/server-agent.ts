// Owns the connections of the pass-through lane to one mail server: opened by the rules of the EAS lane (TLS, source
// address, PROXY header, time to connect), kept and counted by Node's agent.
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { dial } from '../upstream/dial.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Unused connections close after this long: below the idle time of IIS and of usual balancers. */
const IDLE_MS = 30_000;

/** Sockets whose connection stands, TLS included. */
const standing = new WeakSet<Socket>();

/** Whether anything can have been sent on the socket. */
export function hasStood(socket: Socket | null): boolean {
  return socket !== null && standing.has(socket);
}

/** An agent for requests in plain text: TLS, where there is any, is below it. */
export class ServerAgent extends Agent {
  readonly server: UpstreamServer;
  private readonly proxyHeader: Buffer | null;
  private sources = 0;

  /** `proxyHeader` leads every connection, which is then for one client alone. */
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
