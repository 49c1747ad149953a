// Owns one TCP connection to the mail server. Knows neither EAS nor policy; hands bytes to its current user.
import { connect } from 'node:net';
import type { OnReadOpts, Socket } from 'node:net';

/** Who uses a connection at the moment. */
export interface UpstreamUser {
  /** Bytes of the response; valid during the call only, the buffer is shared by all connections. */
  onUpstreamBytes(bytes: Buffer, length: number): void;
  onUpstreamDrain(): void;
  /** The server ended its side, cleanly (FIN) or not. Called once; the connection is gone. */
  onUpstreamClosed(clean: boolean, connected: boolean): void;
}

/** Told when a connection that nobody uses goes away. */
export interface UpstreamOwner {
  onIdleClosed(connection: UpstreamConnection): void;
  onGone(connection: UpstreamConnection): void;
}

interface OwnedSocket extends Socket {
  owner: UpstreamConnection;
}

/** One read buffer for all connections: they are read one at a time and nothing keeps a reference to it. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

function onRead(this: unknown, length: number): boolean {
  const { owner } = this as OwnedSocket;
  owner.onBytes(length);
  return !owner.paused;
}

const onread: OnReadOpts = { buffer: readBuffer, callback: onRead };

function onConnect(this: Socket): void {
  (this as OwnedSocket).owner.connected = true;
}

function onDrain(this: Socket): void {
  (this as OwnedSocket).owner.user?.onUpstreamDrain();
}

function onEnd(this: Socket): void {
  (this as OwnedSocket).owner.onClosed(true);
}

function onClose(this: Socket): void {
  (this as OwnedSocket).owner.onClosed(false);
}

function ignore(): void {
  // the close event follows and carries what matters
}

/** A connection; `user` is null while it is idle. */
export class UpstreamConnection {
  user: UpstreamUser | null = null;
  connected = false;
  closed = false;
  paused = false;
  /** Exchanges finished on this connection. */
  served = 0;
  /** Clock milliseconds at which it became idle. */
  idleSince = 0;
  readonly socket: Socket;
  private readonly owner: UpstreamOwner;

  constructor(host: string, port: number, owner: UpstreamOwner) {
    this.owner = owner;
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      onread,
    });
    (socket as OwnedSocket).owner = this;
    socket.on('connect', onConnect);
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.on('error', ignore);
    this.socket = socket;
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  /** Closes at once, without telling the user. */
  destroy(): void {
    this.user = null;
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
    this.owner.onGone(this);
  }

  onBytes(length: number): void {
    if (this.user !== null) {
      this.user.onUpstreamBytes(readBuffer, length);
      return;
    }
    // Bytes nobody asked for would be read as the next response (response queue poisoning): never reuse.
    if (!this.closed) {
      this.owner.onIdleClosed(this);
      this.destroy();
    }
  }

  onClosed(clean: boolean): void {
    if (this.closed) return;
    const user = this.user;
    this.user = null;
    if (user === null) this.owner.onIdleClosed(this);
    this.closed = true;
    this.socket.destroy();
    this.owner.onGone(this);
    user?.onUpstreamClosed(clean, this.connected);
  }
}
