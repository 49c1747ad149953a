// Owns one connection to a mail server, and passes its bytes to the current user. Independent of EAS and policy.
import type { OnReadOpts, Socket } from 'node:net';
import type { UpstreamServerSettings } from '../settings.ts';
import { dropOwnEndHandler } from '../io/end-handler.ts';
import { dial } from './dial.ts';
import type { DialOptions } from './dial.ts';
import { isOutOfPorts } from './source-addresses.ts';

/** The current user of a connection. */
export interface UpstreamUser {
  /** Bytes of the response; valid during the call only, because all connections share the buffer. */
  onUpstreamBytes(bytes: Buffer, length: number): void;
  onUpstreamDrain(): void;
  /** The connection, including TLS, is established. */
  onUpstreamConnected(): void;
  /** The server closed, cleanly (FIN) or not. Called once. */
  onUpstreamClosed(clean: boolean, connected: boolean): void;
}

/** The pool of the connection. */
export interface UpstreamOwner {
  /** The idle connection closed or received bytes. */
  onIdleClosed(connection: UpstreamConnection): void;
  onGone(connection: UpstreamConnection): void;
}

interface OwnedSocket extends Socket {
  owner: UpstreamConnection;
}

/** One read buffer for all connections: they are read one at a time, and nothing keeps a reference. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

function onRead(this: unknown, length: number): boolean {
  const { owner } = this as OwnedSocket;
  owner.onBytes(readBuffer, length);
  return !owner.paused;
}

const onread: OnReadOpts = { buffer: readBuffer, callback: onRead };

function onData(this: Socket, chunk: Buffer): void {
  (this as OwnedSocket).owner.onBytes(chunk, chunk.length);
}

function onConnect(this: Socket): void {
  (this as OwnedSocket).owner.onConnect();
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

function onError(this: Socket, error: Error): void {
  // The cause, for the operator.
  (this as OwnedSocket).owner.error = error;
  // A bad TLS record is only reported; otherwise the socket is already destroyed.
  this.destroy();
}

/** A connection; `user` is null while it is idle. */
export class UpstreamConnection {
  user: UpstreamUser | null = null;
  connected = false;
  closed = false;
  paused = false;
  /** Used by an exchange or pinned to a client connection, not in the pool. */
  busy = true;
  /** Number of finished exchanges. */
  served = 0;
  /** Clock milliseconds at which it became idle. */
  idleSince = 0;
  error: Error | null = null;
  /** The current read may deliver more before it returns: further TLS records, or a full buffer. */
  unfinishedRead = false;
  readonly socket: Socket;
  /** The configured local address; undefined = chosen by the system. */
  readonly source: string | undefined;
  private readonly secure: boolean;
  private readonly owner: UpstreamOwner;

  constructor(server: UpstreamServerSettings, options: DialOptions, owner: UpstreamOwner) {
    this.owner = owner;
    this.secure = server.tls !== null;
    this.source = options.localAddress;
    const { socket, buffered } = dial(server, options, onread);
    (socket as OwnedSocket).owner = this;
    socket.on(server.tls === null ? 'connect' : 'secureConnect', onConnect);
    if (!buffered) socket.on('data', onData);
    socket.on('drain', onDrain);
    dropOwnEndHandler(socket);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.on('error', onError);
    this.socket = socket;
  }

  /** It failed for lack of a local port, which is no fault of the server. */
  get lackedPort(): boolean {
    return !this.connected && isOutOfPorts(this.error);
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

  /** Closes at once, without notice to the user. */
  destroy(): void {
    this.user = null;
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
    this.owner.onGone(this);
  }

  onConnect(): void {
    this.connected = true;
    this.user?.onUpstreamConnected();
  }

  onBytes(bytes: Buffer, length: number): void {
    this.unfinishedRead = this.secure || length === readBuffer.length;
    if (this.user !== null) {
      this.user.onUpstreamBytes(bytes, length);
      return;
    }
    // Unexpected bytes would be read as the next response (response queue poisoning): never reuse.
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
