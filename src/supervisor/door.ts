// Owns the bound sockets of one address and port: one per worker where the system spreads connections over them
// (SO_REUSEPORT), else one that all workers accept from.
import { BoundSocket } from 'node:net';
import { listenTrouble } from './listen-trouble.ts';

/** Where the system gives each socket of a port its share of the connections (libuv, UV_TCP_REUSEPORT). */
export const SYSTEM_SHARES_PORT = process.platform === 'linux' || process.platform === 'freebsd';

/** Sockets of one address. */
export class Door {
  readonly address: string;
  readonly sharesPort: boolean;
  /** The one asked for; where that was 0, the one the first socket got. */
  port: number;
  private common: BoundSocket | null = null;
  private holders = 0;

  /**
   * Throws when somebody else has the port: one that is shared could be shared with another gateway too, unnoticed. With
   * `ours` this gateway has it already, at another address.
   */
  constructor(address: string, port: number, sharesPort: boolean, ours = false) {
    this.address = address;
    this.port = port;
    this.sharesPort = sharesPort;
    if (!ours) bound({ host: address, port }).close();
  }

  /** A socket for one more worker. Throws when it cannot be bound. */
  open(): BoundSocket {
    const socket = this.common ?? this.bind();
    if (!this.sharesPort) this.common = socket;
    this.holders++;
    return socket;
  }

  /** Gives a socket of {@link open} back. */
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

/** Throws with what an operator does about it. */
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
