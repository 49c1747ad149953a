// Owns the state of a client connection and of a request in the pass-through lane. Makes no decisions.
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { monotonicNow } from '../../clock.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { Peer } from '../upstream/client-origin.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';
import type { LaneStream } from './lane-stream.ts';
import type { ServerAgent } from './server-agent.ts';

/** One client connection: one request at a time, one deadline. */
export class LaneConnection {
  current: Passage | null = null;
  /** The one pipelined request that may wait. */
  waiting: (() => void) | null = null;
  /** The server of its requests, while it is usable. */
  server: UpstreamServer | null = null;
  /** Upstream connection of this client alone: for connection-bound credentials, or a PROXY header with its address. */
  pinned: ServerAgent | null = null;
  /** The client address of {@link pinned}: a proxy in front may send requests of several clients on one connection. */
  pinnedFor = '';
  /** The peer is a trusted proxy: the next request may be another client's. */
  shared = false;
  readonly socket: Socket;
  /** What node:http reads in place of the socket. */
  readonly stream: LaneStream;
  readonly peer: Peer;
  /** Gives the connection back to the gate, with a request for it; null = there is no gate. */
  readonly giveBack: ((bytes: Buffer) => void) | null;
  private timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, stream: LaneStream, peer: Peer, giveBack: ((bytes: Buffer) => void) | null) {
    this.socket = socket;
    this.stream = stream;
    this.peer = peer;
    this.giveBack = giveBack;
  }

  /** Sets the deadline, replacing the previous one. */
  arm(milliseconds: number, action: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, milliseconds);
  }

  /** Restarts the deadline after progress. */
  postpone(): void {
    this.timer?.refresh();
  }

  disarm(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Ends a response in progress with a reset: a FIN would look like the end of a body delimited by close. */
  cut(): void {
    // TLS shows a cut by a missing close_notify; its sockets have no reset. After end(), Node 26.10 resets without
    // emitting 'close'.
    const { socket } = this;
    if (socket instanceof TLSSocket || socket.writableEnded || socket.destroyed) socket.destroy();
    else socket.resetAndDestroy();
  }
}

/** One request. */
export class Passage {
  upstream: ClientRequest | null = null;
  error: HttpErrorCode | null = null;
  /** 0 before the mail server's response. */
  status = 0;
  /** The client address of the request. */
  address: string;
  /** It came through a proxy, and may be from another client than the previous one. */
  isAnothers = false;
  /** The connection may serve another request. */
  keepAlive = false;
  /** 100 Continue was sent, or not requested. */
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

  /** Failed or finished: later upstream data is ignored. */
  get over(): boolean {
    return this.error !== null || this.settled || this.connection.socket.destroyed;
  }
}
