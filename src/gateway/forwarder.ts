// Owns the mail server's side of a client connection: choosing a server, sending the request, relaying the response,
// and what a failure there leads to. Knows no policy.
import type { Socket } from 'node:net';
import { heartbeatOf } from '../eas/body-gate.ts';
import type { HttpErrorCode } from '../http/errors.ts';
import { withoutConnectionOffers } from '../http/challenges.ts';
import { proxyHeader } from '../http/proxy-protocol.ts';
import { statusReply } from '../http/reply.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { UserKey } from '../identity/keys.ts';
import { isRepeatable } from './answers.ts';
import { writeCopy } from './blocks.ts';
import { writeText } from './direct-writes.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayCore } from './gateway-core.ts';
import type { RequestBody } from './request-body.ts';
import { ResponseRelay } from './response-relay.ts';
import type { ResponseSink } from './response-relay.ts';
import { MAX_HEARTBEAT_SECONDS } from './settings.ts';
import type { UpstreamConnection, UpstreamUser } from './upstream/upstream-connection.ts';
import type { ConnectionWaiter } from './upstream/upstream-pool.ts';
import type { UpstreamServer } from './upstream/upstream-server.ts';

/** What the forwarder needs of the client connection it belongs to. */
export interface PhoneSide {
  readonly core: GatewayCore;
  readonly socket: Socket;
  readonly body: RequestBody;
  readonly address: string;
  readonly port: number;
  /** The exchange under way. */
  readonly exchange: Exchange | null;
  /** The phone closed its side: it sends nothing more, and may have left. */
  readonly clientEnded: boolean;
  deadline: number;
  /** The mail server or the gateway is at fault: answers, or cuts a response under way. */
  fail(exchange: Exchange, code: HttpErrorCode): void;
  /** The client is at fault. */
  refuse(code: HttpErrorCode): void;
  /** Writes a whole local response. */
  reply(exchange: Exchange, data: string, status: number): void;
  /** The mail server takes body bytes again. */
  resumeBody(): void;
  /** The response head is known; the credentials are proven or not. */
  noteSeen(exchange: Exchange, status: number): void;
  /** The response went out whole. */
  end(exchange: Exchange, status: number): void;
  /** Ends a response in the middle, visibly. */
  cut(): void;
  /** A connection that was authenticated for this client is gone: so is the client's. */
  close(): void;
}

/** 304 answers a condition, and tells no other address. */
function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399 && status !== 304;
}

/** Below this, head and body go upstream as one latin1 string: one write, no buffer. */
const SMALL_BODY = 4096;
/** Servers tried for one request at most. */
const MAX_ATTEMPTS = 3;
/** Local addresses tried for one request at most. */
const MAX_SOURCES = 16;

/** Forwards the exchanges of one client connection, one at a time. */
export class Forwarder implements UpstreamUser, ResponseSink, ConnectionWaiter {
  /** Whom the server authenticated on {@link pinned} (http-proxy facts, 2.9). */
  boundUser: UserKey | null = null;
  /** A connection of this client alone: a handshake began on it, or a PROXY header names the client. */
  private pinned: UpstreamConnection | null = null;
  private pinnedServer: UpstreamServer | null = null;
  /** A leg of a handshake went out on {@link pinned}: for the server it may be somebody's. */
  private claimed = false;
  /** A handshake was opened on {@link pinned} and waits for its closing leg. */
  handshaking = false;
  /** The server took credentials on {@link pinned}, even if it asked for others since. */
  private authenticated = false;
  private readonly phone: PhoneSide;
  private readonly core: GatewayCore;
  private readonly relay = new ResponseRelay(this);
  private stalledSince = 0;
  private stalledMs = 0;
  /** Local addresses without a port that the request under way met. */
  private sourcesTried = 0;

  constructor(phone: PhoneSide) {
    this.phone = phone;
    this.core = phone.core;
  }

  /** Sends a request whose verdict is "allow", with as much of its body as is at hand. */
  forward(exchange: Exchange): void {
    const server = this.route(exchange);
    if (server === null) return;
    const { body } = this.phone;
    const { complete, kept } = body;
    let head = this.headOf(exchange, server);
    exchange.authorization = null;
    // sogod refuses chunked bodies, so one that was read whole is sent on with its length.
    if (exchange.framing === 'length') head += 'Content-Length: ' + exchange.contentLength + '\r\n\r\n';
    else if (exchange.framing === 'none')
      head += exchange.method === 'POST' ? 'Content-Length: 0\r\n\r\n' : '\r\n';
    else if (complete) head += 'Content-Length: ' + body.received + '\r\n\r\n';
    else head += 'Transfer-Encoding: chunked\r\n\r\n';
    const streaming = exchange.framing === 'chunked' && !complete;
    if (streaming && kept !== null) head += kept.length.toString(16) + '\r\n';

    let data: string | Buffer = head;
    if (kept !== null) {
      const tail = streaming ? '\r\n' : '';
      if (kept.length <= SMALL_BODY) data = head + kept.toString('latin1') + tail;
      else data = Buffer.concat([Buffer.from(head, 'latin1'), kept, Buffer.from(tail, 'latin1')]);
    }
    body.release();
    exchange.requestComplete = complete;
    if (complete) {
      this.expectResponse(exchange);
    } else {
      this.phone.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
    }
    this.dispatch(exchange, server, data);
  }

  /** Whether the body that was read whole asks for a held poll; sets the heartbeat. */
  measureHeartbeat(exchange: Exchange): boolean {
    const { complete, kept } = this.phone.body;
    if (!complete) return false;
    exchange.heartbeat = heartbeatOf(exchange.content, exchange.command, kept);
    exchange.held = exchange.heartbeat !== 0;
    return exchange.held;
  }

  /**
   * Sends the opening leg of a handshake as a bare OPTIONS: the mail server answers with its next challenge, on the
   * connection that is this client's from now on. The body stays here.
   */
  forwardOpening(exchange: Exchange): void {
    const server = this.route(exchange);
    if (server === null) return;
    if (!this.phone.body.complete) exchange.persistent = false;
    exchange.requestComplete = true;
    this.phone.body.release();
    this.expectResponse(exchange);
    this.dispatch(exchange, server, this.headOf(exchange, server) + '\r\n');
  }

  /** Hands body bytes on that come after the head was forwarded; returns the offset behind the last one taken. */
  streamBody(exchange: Exchange, bytes: Buffer): number {
    const upstream = exchange.challengeOnly ? null : exchange.upstream;
    const { body } = this.phone;
    let at = 0;
    const pieces: Buffer[] = [];
    while (at < bytes.length && !body.complete) {
      at = body.next(bytes, at);
      if (body.error !== null) {
        this.phone.refuse(body.error);
        return bytes.length;
      }
      const { payloadStart, payloadEnd } = body;
      if (upstream !== null && payloadEnd > payloadStart)
        pieces.push(bytes.subarray(payloadStart, payloadEnd));
    }
    exchange.bytesIn = body.received;
    const chunked = exchange.framing === 'chunked';
    const drained = upstream === null || writePieces(upstream.socket, pieces, chunked, body.complete);
    if (body.complete) {
      exchange.requestComplete = true;
      if (exchange.phase === 'forwarded') this.expectResponse(exchange);
    } else {
      if (exchange.phase === 'forwarded') {
        this.phone.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
      }
      if (!drained) this.phone.socket.pause();
    }
    return at;
  }

  /** The request is answered here, and not as whom the connection of this client to its server stands for. */
  leavePin(exchange: Exchange): void {
    this.agreeOnPin(exchange);
  }

  /** Gives up the place in the queue; {@link onConnectionFree} takes a connection or a place again. */
  leaveQueue(exchange: Exchange): void {
    exchange.server?.pool.dequeue(this);
  }

  /** The exchange ended without its response, or the client left: what it used upstream is of no more use. */
  abandon(exchange: Exchange): void {
    if (exchange.phase === 'queued') exchange.server?.pool.dequeue(this);
    exchange.upstream?.destroy();
    exchange.upstream = null;
    exchange.replay = null;
    if (this.pinned?.closed === true) this.unpin();
  }

  /** Closes the connection that belongs to this client alone. */
  unpin(): void {
    this.pinned?.destroy();
    this.pinned = null;
    this.pinnedServer = null;
    this.boundUser = null;
    this.claimed = false;
    this.handshaking = false;
    this.authenticated = false;
  }

  // ---------------------------------------------------------------------------------------------- choosing, sending

  /** The server of this exchange; null when it was answered because there is none. */
  private route(exchange: Exchange): UpstreamServer | null {
    this.sourcesTried = 0;
    if (!this.agreeOnPin(exchange)) return null;
    const server =
      this.pinned === null
        ? this.core.upstreams.pick(exchange.device ?? this.phone.address, null)
        : this.pinnedServer;
    exchange.server = server;
    if (server === null) this.phone.fail(exchange, 'EASGATE_UPSTREAM_DOWN');
    return server;
  }

  /**
   * Connection-bound credentials need a connection of their own; others must not meet one that is bound. A handshake
   * always starts on a connection that nobody was authenticated on: a server that keeps its first user would otherwise
   * serve that one under the name of the second.
   */
  private agreeOnPin(exchange: Exchange): boolean {
    switch (exchange.leg) {
      case 'opening':
        // Behind a 401 the server may still know whom it authenticated before: only a handshake under way goes on.
        if (this.authenticated || !this.handshaking) this.unpin();
        break;
      case 'closing':
        if (this.pinned === null || !this.handshaking) {
          this.phone.refuse('EASGATE_AUTHORIZATION');
          return false;
        }
        break;
      case 'none':
        if (this.claimed && (this.boundUser === null || exchange.user !== this.boundUser)) this.unpin();
        break;
    }
    return true;
  }

  private headOf(exchange: Exchange, server: UpstreamServer): string {
    const head = exchange.upstreamHead ?? '';
    exchange.upstreamHead = null;
    return exchange.upstreamLine + (server.settings.hostHeader ?? exchange.host) + '\r\n' + head;
  }

  /** Sends on a connection of the server, or waits for one. */
  private dispatch(exchange: Exchange, server: UpstreamServer, data: string | Buffer): void {
    exchange.server = server;
    exchange.attempts++;
    exchange.phase = 'forwarded';
    const upstream = this.pinned ?? this.connectionOf(exchange, server);
    if (upstream !== null) {
      if (exchange.leg !== 'none') this.claimed = true;
      this.send(exchange, upstream, data);
      return;
    }
    const { maxQueued, queueTimeoutMs } = this.core.settings.upstream;
    if (server.pool.queued >= maxQueued) {
      this.phone.fail(exchange, 'EASGATE_UPSTREAM_BUSY');
      return;
    }
    exchange.phase = 'queued';
    exchange.replay = data;
    if (!exchange.requestComplete) this.phone.socket.pause();
    this.phone.deadline = this.core.deadlines.now + queueTimeoutMs;
    server.pool.enqueue(this);
  }

  private connectionOf(exchange: Exchange, server: UpstreamServer): UpstreamConnection | null {
    if (exchange.leg === 'none' && server.settings.proxyProtocol === null) return server.pool.take();
    return this.connect(server);
  }

  /** A connection for this client alone. */
  private connect(server: UpstreamServer): UpstreamConnection | null {
    const { phone } = this;
    const { proxyProtocol } = server.settings;
    const header =
      proxyProtocol === null
        ? null
        : proxyHeader(
            proxyProtocol,
            phone.address,
            phone.port,
            phone.socket.localAddress ?? '',
            phone.socket.localPort ?? 0,
          );
    const upstream = server.pool.connect(header);
    if (upstream === null) return null;
    this.pinned = upstream;
    this.pinnedServer = server;
    return upstream;
  }

  /** There is room at the server this exchange waits for. */
  onConnectionFree(): void {
    const exchange = this.phone.exchange;
    const server = exchange?.server ?? null;
    if (exchange === null || server === null || exchange.phase !== 'queued' || exchange.replay === null)
      return;
    const data = exchange.replay;
    exchange.replay = null;
    exchange.attempts--;
    this.phone.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
    if (exchange.requestComplete) this.expectResponse(exchange);
    else this.phone.socket.resume();
    this.dispatch(exchange, server, data);
  }

  private send(exchange: Exchange, upstream: UpstreamConnection, data: string | Buffer): void {
    exchange.upstream = upstream;
    exchange.upstreamReused = upstream.served > 0;
    upstream.user = this;
    let waits = false;
    if (!upstream.connected) {
      const { connectTimeoutMs, sourceAddresses } = (exchange.server as UpstreamServer).settings;
      this.phone.deadline = Math.min(this.phone.deadline, this.core.deadlines.now + connectTimeoutMs);
      // Where the local address may turn out to have no port left, the rest of the body waits for the connection.
      waits = !exchange.requestComplete && sourceAddresses.length > 0;
    }
    const drained = typeof data === 'string' ? writeText(upstream.socket, data) : upstream.socket.write(data);
    if (waits || (!drained && !exchange.requestComplete)) this.phone.socket.pause();
    // Until the connection stands nothing was sent; on a reused one the server may close in the same moment.
    if (
      waits ||
      (exchange.requestComplete &&
        (!upstream.connected || (exchange.upstreamReused && isRepeatable(exchange))))
    )
      exchange.replay = data;
  }

  /** Sets how long the response head may take. */
  private expectResponse(exchange: Exchange): void {
    const { client } = this.core.settings;
    const server = exchange.server as UpstreamServer;
    let wait = server.settings.responseTimeoutMs;
    const { heartbeat } = exchange;
    if (exchange.held) {
      const seconds = heartbeat > 0 ? Math.min(heartbeat, MAX_HEARTBEAT_SECONDS) : MAX_HEARTBEAT_SECONDS;
      wait = seconds * 1000 + client.heldPollMarginMs;
      // A decision that ends meanwhile ends the poll: nothing in the change log tells of it.
      if (exchange.verdict !== null)
        wait = Math.min(wait, this.core.deadlines.at(exchange.verdict.validUntil) - this.core.deadlines.now);
    }
    const until = this.core.deadlines.now + wait;
    // A drain has chosen the end already of a poll that waited for a connection, or is sent once more.
    exchange.responseDeadline =
      exchange.held && this.core.draining ? Math.min(exchange.responseDeadline, until) : until;
    this.phone.deadline = exchange.responseDeadline;
  }

  // ---------------------------------------------------------------------------------------------- upstream events

  onUpstreamConnected(): void {
    const exchange = this.phone.exchange;
    if (exchange === null || exchange.phase !== 'forwarded') return;
    const waited = exchange.replay !== null;
    exchange.replay = null;
    if (exchange.requestComplete) this.phone.deadline = exchange.responseDeadline;
    else if (waited && exchange.upstream?.socket.writableNeedDrain === false) this.phone.resumeBody();
  }

  onUpstreamBytes(bytes: Buffer, length: number): void {
    const exchange = this.phone.exchange;
    if (exchange === null || exchange.upstream === null) {
      // Bytes on a connection of this client between two exchanges: nothing more may be read from it.
      this.dropPinned();
      return;
    }
    exchange.replay = null;
    const result = this.relay.feed(exchange, bytes, length);
    const { now } = this.core.deadlines;
    switch (result) {
      case 'more':
        if (exchange.phase === 'responding')
          this.phone.deadline = now + (exchange.server as UpstreamServer).settings.idleTimeoutMs;
        break;
      case 'stalled':
        exchange.upstream?.pause();
        this.stalledSince = now;
        this.phone.deadline = now + this.core.settings.client.bodyTimeoutMs;
        break;
      case 'complete':
        this.complete(exchange);
        break;
      default:
        exchange.server?.failed(result);
        this.phone.fail(exchange, result);
    }
  }

  onUpstreamDrain(): void {
    this.phone.resumeBody();
  }

  onUpstreamClosed(clean: boolean, connected: boolean): void {
    const exchange = this.phone.exchange;
    const lackedPort = exchange?.upstream?.lackedPort ?? false;
    if (this.pinned?.closed === true) {
      if (exchange === null) {
        this.dropPinned();
        return;
      }
      if (this.claimed && !lackedPort) exchange.persistent = false;
      this.unpin();
    }
    // A connection bound to this client may end while the next request is still arriving: nothing of it was sent.
    if (exchange === null || exchange.upstream === null) return;
    exchange.upstream = null;
    const server = exchange.server as UpstreamServer;
    if (lackedPort) {
      this.sendFromElsewhere(exchange, server);
      return;
    }
    if (exchange.phase === 'responding') {
      if (clean && this.relay.endsAtClose(exchange)) {
        this.complete(exchange);
      } else {
        server.failed('EASGATE_UPSTREAM_TRUNCATED');
        exchange.error = 'EASGATE_UPSTREAM_TRUNCATED';
        this.phone.cut();
      }
      return;
    }
    const code = connected ? 'EASGATE_UPSTREAM_CLOSED' : 'EASGATE_UPSTREAM_CONNECT';
    // A server may end a held poll by closing; only a connection that never stood is a sign of illness then.
    if (!exchange.upstreamReused && !(connected && exchange.held)) server.failed(code);
    if (!this.sendAgain(exchange, server, connected)) this.phone.fail(exchange, code);
  }

  /**
   * The local address had no port left: the next one is tried at once, until each was; where the system chooses, ports are
   * short towards one server only. That server was never asked, and is not to blame.
   */
  private sendFromElsewhere(exchange: Exchange, server: UpstreamServer): void {
    const data = exchange.replay;
    if (data !== null && server.pool.sources.hasAnother && ++this.sourcesTried < MAX_SOURCES) {
      exchange.replay = null;
      exchange.attempts--;
      this.dispatch(exchange, server, data);
    } else if (!this.sendAgain(exchange, server, false)) {
      this.phone.fail(exchange, 'EASGATE_NO_LOCAL_PORT');
    }
  }

  /** The client must not go on as if its connection to the server still were authenticated (http-proxy facts, 2.9). */
  private dropPinned(): void {
    const { claimed } = this;
    this.unpin();
    if (claimed) this.phone.close();
  }

  /** No response head in time. A held poll that times out says nothing about the server. */
  responseTimedOut(exchange: Exchange): void {
    if (!exchange.held) exchange.server?.failed('EASGATE_UPSTREAM_TIMEOUT');
    this.phone.fail(exchange, 'EASGATE_UPSTREAM_TIMEOUT');
  }

  /** The connection could not be made in time. */
  connectTimedOut(exchange: Exchange): void {
    const server = exchange.server as UpstreamServer;
    server.failed('EASGATE_UPSTREAM_CONNECT_TIMEOUT');
    const { replay } = exchange;
    this.abandon(exchange);
    exchange.replay = replay;
    if (!this.sendAgain(exchange, server, false))
      this.phone.fail(exchange, 'EASGATE_UPSTREAM_CONNECT_TIMEOUT');
  }

  /**
   * One more try where it is safe (http-proxy facts, 2.6): nothing was sent yet, then on another server; or a reused
   * connection closed before any response byte and the request may be repeated, then on a new connection.
   */
  private sendAgain(exchange: Exchange, server: UpstreamServer, connected: boolean): boolean {
    const data = exchange.replay;
    exchange.replay = null;
    if (data === null || exchange.leg !== 'none' || exchange.attempts >= MAX_ATTEMPTS) return false;
    if (connected) {
      if (this.pinned !== null) return false;
      const upstream =
        server.settings.proxyProtocol === null ? server.pool.connect(null) : this.connect(server);
      if (upstream === null) return false;
      this.core.counters.retries++;
      exchange.attempts = MAX_ATTEMPTS;
      this.send(exchange, upstream, data);
      return true;
    }
    const other = this.core.upstreams.pick(exchange.device ?? this.phone.address, server);
    if (other === null || other.settings.hostHeader !== server.settings.hostHeader) return false;
    this.core.counters.retries++;
    exchange.server = other;
    if (exchange.requestComplete) this.expectResponse(exchange);
    else this.phone.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
    this.dispatch(exchange, other, data);
    return true;
  }

  // ---------------------------------------------------------------------------------------------- response

  write(data: string): boolean {
    return writeText(this.phone.socket, data);
  }

  writeCopy(head: string, bytes: Buffer, from: number, end: number): boolean {
    return writeCopy(this.phone.socket, head, bytes, from, end);
  }

  onResponseHead(exchange: Exchange, head: ResponseHead): boolean | null {
    const { phone } = this;
    const server = exchange.server as UpstreamServer;
    server.succeeded();
    this.stalledMs = 0;
    if (exchange.challengeOnly && head.status !== 401 && head.status !== 403) {
      // No credentials, no answer but a challenge: what else the server says was not asked for by anyone it knows.
      phone.reply(exchange, statusReply(401, exchange.persistent, this.core.challengeLines), 401);
      return null;
    }
    exchange.upstreamKeepAlive = head.keepAlive && head.framing !== 'close';
    if (!exchange.requestComplete || head.framing === 'close' || this.core.draining)
      exchange.persistent = false;
    if (this.pinned !== null) this.noteBinding(exchange, head);
    if (head.status === 401 && this.core.settings.upstream.connectionAuth === 'strip')
      head.headerLines = withoutConnectionOffers(head.headerLines);
    // MS-ASHTTP redirects by 451 alone; a Location would lead the phone, with its password, round this gateway.
    const away = head.status === 451 ? !this.core.rewriteRedirect(head) : isRedirect(head.status);
    if (away) {
      server.failed('EASGATE_UPSTREAM_REDIRECT');
      phone.fail(exchange, 'EASGATE_UPSTREAM_REDIRECT');
      return null;
    }
    phone.noteSeen(exchange, head.status);
    return exchange.persistent;
  }

  /** What the answer on a bound connection says of who it is bound to. */
  private noteBinding(exchange: Exchange, head: ResponseHead): void {
    // A server that says 401 to a user it knows, or lets an opening leg in (Kerberos), may serve that user from now on.
    const doubtful = head.status === 401 ? this.boundUser !== null : exchange.leg === 'opening';
    if (doubtful) exchange.upstreamKeepAlive = false;
    if (head.status === 401) {
      this.boundUser = null;
      this.handshaking = exchange.leg === 'opening';
    } else if (exchange.leg !== 'none') {
      this.authenticated = true;
      this.handshaking = false;
      // The opening leg of Kerberos names nobody, but a server may accept it.
      this.boundUser = exchange.leg === 'closing' ? exchange.user : null;
    }
    // If the server closes, what was authenticated is gone, and the client must not think otherwise.
    if (!exchange.upstreamKeepAlive && this.claimed) exchange.persistent = false;
  }

  /** The phone took what was written; returns whether it is fast enough. */
  onPhoneDrain(exchange: Exchange): boolean {
    const { client } = this.core.settings;
    const { now } = this.core.deadlines;
    if (this.stalledSince !== 0) this.stalledMs += now - this.stalledSince;
    this.stalledSince = 0;
    if (client.minReadRate > 0 && this.stalledMs > client.rateWindowMs) {
      if (exchange.bytesOut / (this.stalledMs / 1000) < client.minReadRate) return false;
    }
    this.phone.deadline = now + (exchange.server as UpstreamServer).settings.idleTimeoutMs;
    exchange.upstream?.resume();
    return true;
  }

  /** The response went out whole: gives the connection back, if its state is beyond doubt. */
  private complete(exchange: Exchange): void {
    const upstream = exchange.upstream;
    exchange.upstream = null;
    if (upstream !== null) {
      const clean = exchange.upstreamKeepAlive && exchange.requestComplete && !this.relay.excess;
      if (!clean) upstream.destroy();
      else if (upstream === this.pinned) upstream.served++;
      else exchange.server?.pool.release(upstream);
      if (upstream === this.pinned && upstream.closed) this.unpin();
    }
    // A local reply inside onResponseHead has ended the exchange already.
    if (this.phone.exchange !== exchange) return;
    this.phone.end(exchange, exchange.status);
  }
}

/**
 * Writes stretches of a body, as one chunk whatever chunks they came in (a phone may cut its body into chunks of one
 * byte); returns false when the server is slower.
 */
function writePieces(
  socket: Socket,
  pieces: readonly Buffer[],
  chunked: boolean,
  complete: boolean,
): boolean {
  const [first] = pieces;
  const end = chunked && complete ? '0\r\n\r\n' : '';
  if (first === undefined) return end === '' || socket.write(end, 'latin1');
  const data = pieces.length === 1 ? first : Buffer.concat(pieces);
  if (!chunked) return writeCopy(socket, '', data, 0, data.length);
  socket.cork();
  writeCopy(socket, data.length.toString(16) + '\r\n', data, 0, data.length);
  const drained = socket.write('\r\n' + end, 'latin1');
  socket.uncork();
  return drained;
}
