// Owns the bound sockets of one address and port. There is one per worker where the kernel distributes connections
// (SO_REUSEPORT), else one that all workers share.
import { BoundSocket } from 'node:net';
import { listenTrouble } from './listen-trouble.ts';

/** Whether the kernel distributes connections over the sockets of a port (libuv, UV_TCP_REUSEPORT). */
export const SYSTEM_SHARES_PORT = process.platform === 'linux' || process.platform === 'freebsd';

/** One address and port, and the sockets bound to it. */
export class ListenPort {
  readonly address: string;
  readonly sharesPort: boolean;
  /** The configured port; for 0 the port of the first socket. */
  port: number;
  private common: BoundSocket | null = null;
  private holders = 0;

  /**
   * Throws when another process uses the port: with SO_REUSEPORT two gateways could share it unnoticed. `ours`: this
   * gateway already uses the port at another address.
   */
  constructor(address: string, port: number, sharesPort: boolean, ours = false) {
    this.address = address;
    this.port = port;
    this.sharesPort = sharesPort;
    if (!ours) bound({ host: address, port }).close();
  }

  /** Binds a socket for one more worker. Throws when it cannot be bound. */
  open(): BoundSocket {
    const socket = this.common ?? this.bind();
    if (!this.sharesPort) this.common = socket;
    this.holders++;
    return socket;
  }

  /** Closes a socket of {@link open}. */
  close(socket: BoundSocket): void {
    this.holders--;
    if (socket === this.common) {
      if (this.holders > 0) return;
      this.common = null;
    }
    socket.close();
  }

  private bind(): BoundSocket {
    const socket = bound({ host: this.address, port: this.port, reusePort: this.sharesPort });
    this.port = socket.address().port;
    return socket;
  }
}

/** Throws with advice for the operator. */
function bound(options: {
  readonly host: string;
  readonly port: number;
  readonly reusePort?: boolean;
}): BoundSocket {
  try {
    return new BoundSocket(options);
  } catch (error) {
    throw listenTrouble(error, options.host, options.port, 'listen');
  }
}
