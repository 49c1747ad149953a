// Owns the client side of the pass-through lane: connections that the listener hands over, for listed paths outside
// Exchange ActiveSync. Every request is checked again, because a connection carries many.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { monotonicNow } from '../../clock.ts';
import { http } from '../../node-http.ts';
import { ERRORS } from '../../errors/request-errors.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { withoutHeaders } from '../../http/header-lines.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { inRanges } from '../../identity/client-address.ts';
import { directOrigin, forwardedHeaders, proxiedOrigin } from '../upstream/client-origin.ts';
import type { Peer } from '../upstream/client-origin.ts';
import { LINGER_BYTES, LINGER_MS } from '../fixed-limits.ts';
import type { Balancer } from '../upstream/balancer.ts';
import { LaneConnection, Passage } from './connection.ts';
import { HttpProxyAdapter } from './http-proxy-adapter.ts';
import { LaneStream } from './lane-stream.ts';
import type { LaneStreamOwner } from './lane-stream.ts';
import {
  admitRequest,
  bindsConnection,
  clientErrorCode,
  closingReply,
  laneRefusal,
  upstreamHeaders,
} from './messages.ts';
import { matchPath, namesMail } from './paths.ts';
import type { PassThroughSettings } from '../settings.ts';
import type { FinishedPassage } from '../../telemetry/finished-request.ts';

/** The announced time of an idle connection is over this much later, for a request that is under way. */
const KEEP_ALIVE_GRACE_MS = 1_000;

function ignore(): void {
  // the close event follows
}

/** The lane; it has no listener of its own. */
export class PassThroughLane implements LaneStreamOwner {
  private readonly settings: PassThroughSettings;
  private readonly account: (line: FinishedPassage) => void;
  private readonly adapter: HttpProxyAdapter;
  private readonly server: Server;
  private readonly open = new Map<Duplex, LaneConnection>();
  private draining = false;
  private onEmpty: (() => void) | null = null;

  /** `account` is called once per finished request. */
  constructor(settings: PassThroughSettings, balancer: Balancer, account: (line: FinishedPassage) => void) {
    this.settings = settings;
    this.account = account;
    this.adapter = new HttpProxyAdapter(settings, balancer, (passage, code) => this.fail(passage, code));
    this.server = this.newServer();
  }

  /** Whether a request with this target belongs here. */
  wants(target: string): boolean {
    return typeof matchPath(target, this.settings) !== 'string';
  }

  /**
   * Takes over a connection without listeners. `firstBytes` were read and not used. `giveBack` gets it with the first request that is
   * not for this lane; without it every request is answered here.
   */
  accept(
    socket: Socket | TLSSocket,
    firstBytes: Buffer,
    peer: Peer,
    giveBack: ((bytes: Buffer) => void) | null = null,
  ): void {
    socket.on('error', ignore);
    if (socket.destroyed) return;
    if (this.draining || this.open.size >= this.settings.maxConnections) {
      this.turnAway(socket, peer, this.draining ? 'EASGATE_DRAINING' : 'EASGATE_UPSTREAM_BUSY');
      return;
    }
    const stream = new LaneStream(socket, this.settings.headLimits, this);
    const connection = new LaneConnection(socket, stream, peer, giveBack);
    this.open.set(stream, connection);
    stream.once('close', () => this.forget(connection));
    connection.arm(this.settings.headTimeoutMs, () => socket.destroy());
    this.server.emit('connection', stream);
    if (firstBytes.length > 0) stream.onBytes(firstBytes);
  }

  keeps(stream: LaneStream, target: string): boolean {
    return this.open.get(stream)?.giveBack === null || this.wants(target);
  }

  onPartialHead(stream: LaneStream): void {
    const connection = this.open.get(stream);
    if (connection?.current === null)
      connection.arm(this.settings.headTimeoutMs, () => connection.socket.destroy());
  }

  onAstray(stream: LaneStream): void {
    const connection = this.open.get(stream);
    if (connection !== undefined && connection.current === null && stream.isAstray) this.giveBack(connection);
  }

  /** Open client connections, including tunnels. */
  connections(): number {
    return this.open.size;
  }

  /**
   * Accepts no more connections; idle ones close now, others after their response. Tunnels stay until {@link close}.
   */
  drain(): void {
    this.draining = true;
    for (const { current, socket } of this.open.values()) {
      if (current === null) socket.destroySoon();
      else current.keepAlive = false;
    }
  }

  /** Closes everything at once. */
  async close(): Promise<void> {
    this.draining = true;
    this.adapter.close();
    if (this.open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.onEmpty = resolve;
      for (const { socket } of this.open.values()) socket.destroy();
    });
  }

  // -------------------------------------------------------------------------------------------------- connections

  private newServer(): Server {
    const { headLimits, keepAliveTimeoutMs, headTimeoutMs } = this.settings;
    const server = http.createServer({
      maxHeaderSize: headLimits.maxHeadBytes,
      keepAliveTimeout: keepAliveTimeoutMs,
      headersTimeout: headTimeoutMs,
      requestTimeout: 0,
      // Left to the strict parser, so that it appears in the access log.
      requireHostHeader: false,
    });
    // node:http silently drops surplus headers; with one more than allowed the strict parser refuses.
    server.maxHeadersCount = headLimits.maxHeaders + 1;
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
      server.on(event, (request, response) => this.onRequest(request, response));
    server.on('upgrade', (request, stream, head) => {
      // With a body it is a separate stream (Node 26), which repeats the socket's errors.
      stream.on('error', ignore);
      this.onUpgrade(request, head);
    });
    server.on('clientError', (error, socket) => this.onClientError(error, socket));
    return server;
  }

  private forget(connection: LaneConnection): void {
    this.open.delete(connection.stream);
    connection.disarm();
    connection.waiting = null;
    connection.pinned?.destroy();
    if (this.open.size === 0) this.onEmpty?.();
  }

  /** The next request is for the gate. */
  private giveBack(connection: LaneConnection): void {
    const { socket, stream } = connection;
    const bytes = stream.release();
    this.forget(connection);
    // node:http forgets it.
    stream.destroy();
    connection.giveBack?.(bytes);
    socket.off('error', ignore);
  }

  /** Answers a connection without a parsed request, and closes it. */
  private turnAway(socket: Socket, peer: Peer, error: HttpErrorCode): void {
    const { status } = ERRORS[error];
    const startedAt = monotonicNow();
    const { address } = peer;
    this.account({ method: '', path: '', status, error, upstream: null, address, startedAt, bytesOut: 0 });
    socket.write(closingReply(error), 'latin1');
    socket.destroySoon();
  }

  // ----------------------------------------------------------------------------------------------------- requests

  /** node:http parses pipelined requests at once: one waits here; a client that sends more is disconnected. */
  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.open.get(request.socket);
    if (connection === undefined) return;
    const begin = (): void => this.begin(new Passage(connection, request, response), response);
    if (connection.current === null) begin();
    else if (connection.waiting === null) connection.waiting = begin;
    else connection.cut();
  }

  private begin(passage: Passage, response: ServerResponse): void {
    const { request, connection } = passage;
    response.once('close', () => this.settle(passage, response.writableFinished));
    const head = this.admit(passage);
    if (head === null) return;
    if (head.expectContinue) {
      passage.continued = true;
      response.writeContinue();
    }
    if (head.framing !== 'none') {
      let received = 0;
      request.on('data', (chunk: Buffer) => {
        if (passage.error !== null) return;
        received += chunk.length;
        if (received > this.settings.maxBodyBytes) this.fail(passage, 'EASGATE_BODY_TOO_LARGE');
        else connection.postpone();
      });
    }
    this.adapter.forward(passage, response);
  }

  private onUpgrade(request: IncomingMessage, early: Buffer): void {
    const connection = this.open.get(request.socket);
    if (connection === undefined) return;
    if (connection.current !== null) return connection.cut();
    // The socket itself is answered, and nothing may follow the head.
    const isFollowed = early.length + connection.stream.release().length > 0;
    const passage = new Passage(connection, request, null);
    connection.socket.once('close', () => {
      this.forget(connection);
      // node:http keeps its parser, where a body was announced, until the stream closes.
      connection.stream.destroy();
      this.settle(passage, passage.status !== 0);
    });
    const protocol = request.headers.upgrade?.toLowerCase();
    const head = this.admit(passage);
    if (head === null) return;
    const clean = head.method === 'GET' && head.minor === 1 && !isFollowed;
    if (clean && protocol === 'websocket') this.adapter.upgrade(passage);
    else this.fail(passage, 'EASGATE_BAD_UPGRADE');
  }

  /** Checks a new request and rewrites its headers; null when it was refused. */
  private admit(passage: Passage): RequestHead | null {
    const { request, connection } = passage;
    const { peer } = connection;
    connection.current = passage;
    connection.arm(this.settings.responseTimeoutMs, () =>
      this.fail(passage, request.complete ? 'EASGATE_UPSTREAM_TIMEOUT' : 'EASGATE_BODY_TIMEOUT'),
    );
    const admitted = admitRequest(request, this.settings, passage.response === null);
    if (typeof admitted === 'string') {
      this.fail(passage, admitted);
      return null;
    }
    const { trustedProxies, certificateHeader } = this.settings;
    const trusted = inRanges(peer.address, trustedProxies);
    if (certificateHeader !== null)
      admitted.headerLines = withoutHeaders(admitted.headerLines, [certificateHeader]);
    const origin = trusted ? proxiedOrigin(peer, admitted, this.settings) : directOrigin(peer, admitted.host);
    passage.address = origin.address;
    // A proxy may send a phone's request next, or that of another client behind the same address; the legs of a
    // handshake need the connection.
    connection.shared = trusted;
    const shared = trusted && (origin.hidden || !bindsConnection(admitted.authorization));
    passage.isAnothers = shared;
    passage.keepAlive = admitted.keepAlive && !this.draining && !shared;
    // A mail app that has found its server goes on with Exchange ActiveSync, at the host that the answer names: it needs this connection
    // no more. A handshake does.
    if (namesMail(admitted.target) && !bindsConnection(admitted.authorization)) passage.keepAlive = false;
    request.headers = upstreamHeaders(admitted, forwardedHeaders(origin, this.settings));
    return admitted;
  }

  // ---------------------------------------------------------------------------------------------------------- ends

  /** Ends a request with an error: a laneRefusal if still possible, else a cut. */
  private fail(passage: Passage, code: HttpErrorCode): void {
    if (passage.over) return;
    passage.error = code;
    passage.upstream?.destroy();
    if (passage.status !== 0) passage.connection.cut();
    else if (passage.response === null) this.refuseUpgrade(passage.connection, code);
    else this.refuse(passage, passage.response, code);
  }

  /** Reads on briefly before the refusal: closing with unread octets would destroy it (RFC 9112 9.6). */
  private refuse(
    { request, connection, continued }: Passage,
    response: ServerResponse,
    code: HttpErrorCode,
  ): void {
    const { status, headers, body } = laneRefusal(code);
    const send = (): void => {
      if (response.headersSent || response.destroyed) return;
      connection.arm(LINGER_MS, () => connection.socket.destroy());
      response.shouldKeepAlive = false;
      response.writeHead(status, headers).end(body);
    };
    connection.arm(LINGER_MS, send);
    if (request.readableEnded || !continued) {
      send();
      return;
    }
    let room = LINGER_BYTES;
    request.unpipe();
    request.on('data', (chunk: Buffer) => {
      room -= chunk.length;
      if (room < 0) send();
    });
    request.once('end', send);
    request.resume();
  }

  private refuseUpgrade(connection: LaneConnection, code: HttpErrorCode): void {
    const { socket } = connection;
    connection.arm(LINGER_MS, () => socket.destroy());
    socket.end(closingReply(code), 'latin1');
    socket.resume();
  }

  /** node:http could not parse the input, or the connection broke. */
  private onClientError(error: NodeJS.ErrnoException, stream: Duplex): void {
    const connection = this.open.get(stream);
    const passage = connection?.current ?? null;
    const code = clientErrorCode(error, passage !== null);
    if (connection === undefined || code === null || !stream.writable) {
      stream.destroy();
    } else if (passage === null) {
      this.turnAway(connection.socket, connection.peer, code);
    } else {
      passage.error ??= code;
      passage.upstream?.destroy();
      if (passage.response?.headersSent === false) {
        connection.socket.write(closingReply(code), 'latin1');
        connection.socket.destroySoon();
      } else {
        connection.cut();
      }
    }
  }

  /** The response or the tunnel ended, regularly or not. */
  private settle(passage: Passage, finished: boolean): void {
    const { connection, request, address, startedAt } = passage;
    const { socket } = connection;
    passage.settled = true;
    connection.stream.answered();
    // http-proxy does not notice this (node-http-proxy#1559), and would keep the upstream connection.
    if (!finished || !request.complete) passage.upstream?.destroy();
    if (!finished) passage.error ??= 'EASGATE_CLIENT_LEFT';
    const target = request.url ?? '';
    const question = target.indexOf('?');
    this.account({
      method: request.method ?? '',
      path: question === -1 ? target : target.slice(0, question),
      status: passage.error === null ? passage.status : ERRORS[passage.error].status,
      error: passage.error,
      upstream: passage.upstream === null ? null : (connection.server?.settings.name ?? null),
      address,
      startedAt,
      bytesOut: socket.bytesWritten - passage.bytesBefore,
    });
    if (socket.destroyed) return;
    if (!passage.keepAlive || passage.error !== null) {
      // `current` is kept: requests pipelined behind the last one are not served.
      connection.waiting = null;
      connection.arm(LINGER_MS, () => socket.destroy());
      socket.destroySoon();
      return;
    }
    connection.current = null;
    const { headTimeoutMs, keepAliveTimeoutMs } = this.settings;
    const idleMs = keepAliveTimeoutMs + KEEP_ALIVE_GRACE_MS;
    connection.arm(connection.stream.isInHead ? headTimeoutMs : idleMs, () => socket.destroy());
    const next = connection.waiting;
    connection.waiting = null;
    if (next !== null) next();
    else if (connection.stream.isAstray) this.giveBack(connection);
  }
}
