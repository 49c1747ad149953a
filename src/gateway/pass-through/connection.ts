// Owns what the pass-through lane remembers of a client connection and of a request on its way. Decides nothing.
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { monotonicNow } from '../../clock.ts';
import type { HttpErrorCode } from '../../errors.ts';
import type { Peer } from '../upstream/client-origin.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';
import type { ServerAgent } from './server-agent.ts';

/** One client connection: one request at a time, one deadline. */
export class LaneConnection {
  current: Passage | null = null;
  /** The one pipelined request that may wait for its turn. */
  waiting: (() => void) | null = null;
  /** Where its requests go, as long as that server is usable. */
  server: UpstreamServer | null = null;
  /** Upstream connection of this client alone: it sent credentials that bind a connection, or a PROXY header names it. */
  pinned: ServerAgent | null = null;
  /** The address that {@link pinned} is for: a proxy in front may send several clients' requests on one connection. */
  pinnedFor = '';
  /** A trusted proxy's: the next request may be another client's. */
  shared = false;
  readonly socket: Socket;
  readonly peer: Peer;
  private timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, peer: Peer) {
    this.socket = socket;
    this.peer = peer;
  }

  /** Sets the deadline, in place of the one before. */
  arm(milliseconds: number, action: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, milliseconds);
  }

  /** Starts the deadline anew: there was progress. */
  postpone(): void {
    this.timer?.refresh();
  }

  disarm(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Ends a response in the middle by a reset: a FIN would look like the end of a body delimited by close. */
  cut(): void {
    // TLS tells a cut from an end by its missing close_notify, and its sockets have no reset of their own.
    // Behind end(), Node 26.10 resets without ever emitting 'close'.
    const { socket } = this;
    if (socket instanceof TLSSocket || socket.writableEnded || socket.destroyed) socket.destroy();
    else socket.resetAndDestroy();
  }
}

/** One request on its way. */
export class Passage {
  upstream: ClientRequest | null = null;
  error: HttpErrorCode | null = null;
  /** 0 until the mail server answered. */
  status = 0;
  /** The address the request counts as. */
  address: string;
  /** It came on the connection of a proxy, and may be another client's than the one before. */
  isAnothers = false;
  /** The connection may serve another request. */
  keepAlive = false;
  /** The client was told to send its body, or never asked. */
  continued: boolean;
  retried = false;
  settled = false;
  readonly startedAt = monotonicNow();
  readonly bytesBefore: number;
  readonly connection: LaneConnection;
  readonly request: IncomingMessage;
  /** `null` for an upgrade: the socket itself is answered. */
  readonly response: ServerResponse | null;

  constructor(connection: LaneConnection, request: IncomingMessage, response: ServerResponse | null) {
    this.connection = connection;
    this.request = request;
    this.response = response;
    this.address = connection.peer.address;
    this.bytesBefore = connection.socket.bytesWritten;
    this.continued = request.headers.expect === undefined;
  }

  /** Failed or finished: nothing that still arrives from upstream counts. */
  get over(): boolean {
    return this.error !== null || this.settled || this.connection.socket.destroyed;
  }
}
