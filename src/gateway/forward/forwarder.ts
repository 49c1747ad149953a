// Owns the choice of an upstream connection for a request: selection, queue, one safe retry, and return to the pool.
// Imports no policy.
import { isRepeatable } from '../../eas/commands.ts';
import { withHeaders } from '../../http/header-lines.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { UserKey } from '../../identity/keys.ts';
import { monotonicNow } from '../../clock.ts';
import { METRICS } from '../../metrics/definitions.ts';
import type { Downstream } from '../connection/downstream.ts';
import { writeData } from '../io/direct-writes.ts';
import type { Clearance } from '../exchange/clearance.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { GatewayCore } from '../gateway-core.ts';
import { pin } from './pinned-connection.ts';
import type { PinnedConnection } from './pinned-connection.ts';
import { ResponseRelay } from './response-relay.ts';
import type { ResponseOwner } from './response-relay.ts';
import { acceptHead } from './response-rules.ts';
import { openingData, requestData } from './upstream-request.ts';
import type { UpstreamConnection, UpstreamUser } from '../upstream/upstream-connection.ts';
import type { ConnectionWaiter } from '../upstream/upstream-pool.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Headers sent with a handshake leg; all others of the request are left out. */
const LEG_HEADERS: readonly string[] = [
  'authorization',
  'user-agent',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  'via',
];

/** Most servers tried per request. */
const MAX_ATTEMPTS = 3;
/** Most local addresses tried per request. */
const MAX_SOURCES = 16;

/** Forwards the exchanges of one client connection, one at a time. */
export class Forwarder implements UpstreamUser, ResponseOwner, ConnectionWaiter {
  /** The connection that belongs to this client alone, if any. */
  private pinned: PinnedConnection | null = null;
  private readonly downstream: Downstream;
  private readonly core: GatewayCore;
  private readonly relay: ResponseRelay;
  /** Local addresses without a free port that the current request met. */
  private sourcesTried = 0;

  constructor(downstream: Downstream) {
    this.downstream = downstream;
    this.core = downstream.core;
    this.relay = new ResponseRelay(downstream, this);
  }

  /** The user that the mail server authenticated on the pinned connection (NTLM); null = none. */
  get boundUser(): UserKey | null {
    return this.pinned?.user ?? null;
  }

  /** A handshake was opened and waits for its closing leg. */
  get handshaking(): boolean {
    return this.pinned?.handshaking ?? false;
  }

  /** Whether the server's challenge in that handshake chose UTF-16; null = no handshake, or its challenge could not be read. */
  get challengeUnicode(): boolean | null {
    return this.pinned?.challengeUnicode ?? null;
  }

  /** Sends a cleared request with the available part of its body. */
  forward(exchange: Exchange, clearance: Clearance): void {
    if (!clearance.covers(exchange)) {
      this.downstream.fail(exchange, 'EASGATE_NO_CLEARANCE');
      return;
    }
    const isLeg = clearance.reason === 'openingLeg' || clearance.reason === 'deniedLeg';
    if (clearance.reason === 'deniedLeg') this.stripDeniedLeg(exchange);
    const server = this.route(exchange);
    if (server === null) return;
    if (isLeg) {
      this.forwardLeg(exchange, server);
      return;
    }
    const { body } = this.downstream;
    const data = requestData(exchange, server, body);
    body.release();
    exchange.requestComplete = body.complete;
    this.expectNext(exchange);
    this.dispatch(exchange, server, data);
  }

  /**
   * Sends a handshake leg as a bare OPTIONS. The mail server answers with its next challenge, on a connection that is
   * pinned to this client. The body is not forwarded.
   */
  private forwardLeg(exchange: Exchange, server: UpstreamServer): void {
    if (!this.downstream.body.complete) exchange.persistent = false;
    exchange.requestComplete = true;
    this.downstream.body.release();
    this.expectNext(exchange);
    this.dispatch(exchange, server, openingData(exchange, server));
  }

  /**
   * Reduces a denied request to its handshake leg: only the mail server can verify the leg, and nothing of the request
   * must be carried out. Its challenge is returned; an accepted leg is answered by acceptHead().
   */
  private stripDeniedLeg(exchange: Exchange): void {
    const { path } = this.core.settings.upstream;
    exchange.challengeOnly = true;
    exchange.upstreamLine = `OPTIONS ${path} HTTP/1.1\r\nHost: `;
    exchange.upstreamHead = withHeaders(exchange.upstreamHead ?? '', LEG_HEADERS);
    exchange.authorization = null;
  }

  /** Closes the pinned connection where this request, which is answered locally, must not use it. */
  leavePin(exchange: Exchange): void {
    this.agreeOnPin(exchange);
  }

  /** Leaves the queue; {@link onConnectionFree} takes a connection or a place again. */
  leaveQueue(exchange: Exchange): void {
    exchange.server?.pool.dequeue(this);
  }

  /** The exchange ended without its response, or the client left: closes its upstream connection. */
  abandon(exchange: Exchange): void {
    if (exchange.phase === 'queued') exchange.server?.pool.dequeue(this);
    exchange.upstream?.destroy();
    exchange.upstream = null;
    exchange.replay = null;
    if (this.pinned?.upstream.closed === true) this.unpin();
  }

  /** Closes the pinned connection. */
  unpin(): void {
    this.pinned?.upstream.destroy();
    this.pinned = null;
  }

  // ---------------------------------------------------------------------------------------------- choosing, sending

  /** The server of this exchange; null when none is available and the exchange was answered. */
  private route(exchange: Exchange): UpstreamServer | null {
    this.sourcesTried = 0;
    if (!this.agreeOnPin(exchange)) return null;
    const server =
      this.pinned === null
        ? this.core.upstreams.pick(exchange.device ?? this.downstream.address, null)
        : this.pinned.server;
    exchange.server = server;
    if (server === null) this.downstream.fail(exchange, 'EASGATE_UPSTREAM_DOWN');
    return server;
  }

  /**
   * Closes the pinned connection if the request must not use it. False when the request failed, because its handshake
   * was on that connection.
   */
  private agreeOnPin(exchange: Exchange): boolean {
    const { pinned } = this;
    if (exchange.leg === 'closing') {
      if (pinned?.handshaking === true) return true;
      this.downstream.fail(exchange, 'EASGATE_UPSTREAM_CLOSED');
      return false;
    }
    if (pinned?.suits(exchange, this.downstream.trusted) === false) this.unpin();
    return true;
  }

  /** Sends on a connection of the server, or waits for one. */
  private dispatch(exchange: Exchange, server: UpstreamServer, data: string | Buffer): void {
    exchange.server = server;
    exchange.attempts++;
    const upstream = this.pinned?.upstream ?? this.connectionOf(exchange, server);
    if (upstream !== null) {
      if (!this.downstream.enter(exchange, 'forwarded')) return;
      if (exchange.leg !== 'none' && this.pinned !== null) this.pinned.claimed = true;
      this.send(exchange, upstream, data);
      return;
    }
    const { maxQueued, queueTimeoutMs } = this.core.settings.upstream;
    if (server.pool.queued >= maxQueued) {
      this.downstream.fail(exchange, 'EASGATE_UPSTREAM_BUSY');
      return;
    }
    if (!this.downstream.enter(exchange, 'queued')) return;
    exchange.replay = data;
    if (!exchange.requestComplete) this.downstream.socket.pause();
    this.downstream.timeouts.awaitConnection(queueTimeoutMs);
    server.pool.enqueue(this);
  }

  private connectionOf(exchange: Exchange, server: UpstreamServer): UpstreamConnection | null {
    if (exchange.leg === 'none' && server.settings.proxyProtocol === null) return server.pool.take();
    return this.connect(server);
  }

  /** A connection for this client alone. */
  private connect(server: UpstreamServer): UpstreamConnection | null {
    this.pinned = pin(this.downstream, server);
    return this.pinned?.upstream ?? null;
  }

  /** A connection of the awaited server is free. */
  onConnectionFree(): void {
    const exchange = this.downstream.exchange;
    const server = exchange?.server ?? null;
    if (exchange === null || server === null || exchange.phase !== 'queued' || exchange.replay === null)
      return;
    const data = exchange.replay;
    exchange.replay = null;
    exchange.attempts--;
    this.expectNext(exchange);
    this.dispatch(exchange, server, data);
  }

  private send(exchange: Exchange, upstream: UpstreamConnection, data: string | Buffer): void {
    exchange.upstream = upstream;
    exchange.upstreamReused = upstream.served > 0;
    exchange.sentAt = monotonicNow();
    upstream.user = this;
    if (!upstream.connected) {
      const { connectTimeoutMs, sourceAddresses } = (exchange.server as UpstreamServer).settings;
      this.downstream.timeouts.awaitConnect(connectTimeoutMs);
      // Written once the connection is established: until then it can go elsewhere. The local address may have no free port, so the
      // rest of the body waits, too.
      if (exchange.requestComplete || sourceAddresses.length > 0) {
        exchange.replay = data;
        if (!exchange.requestComplete) this.downstream.socket.pause();
        return;
      }
    }
    const drained = writeData(upstream.socket, data);
    if (!exchange.requestComplete) {
      if (!drained) this.downstream.socket.pause();
      // It may have waited for this connection, or for another one, which failed.
      else if (this.downstream.socket.isPaused()) this.downstream.resumeBody();
    }
    // A reused connection may just be closed by the server.
    if (exchange.requestComplete && exchange.upstreamReused && isRepeatable(exchange.command))
      exchange.replay = data;
  }

  /** Sets the deadline of the rest of the body, or of the response. */
  private expectNext(exchange: Exchange): void {
    if (exchange.requestComplete) this.downstream.timeouts.awaitResponse(exchange, this.core.draining);
    else this.downstream.timeouts.awaitPhone();
  }

  // ---------------------------------------------------------------------------------------------- upstream events

  onUpstreamConnected(): void {
    const exchange = this.downstream.exchange;
    if (exchange === null || exchange.phase !== 'forwarded') return;
    this.core.counts.observe(METRICS.connects, (monotonicNow() - exchange.sentAt) / 1_000);
    const { replay, upstream } = exchange;
    exchange.replay = null;
    const drained = replay === null || upstream === null || writeData(upstream.socket, replay);
    if (exchange.requestComplete) {
      this.downstream.timeouts.resumeResponseDeadline(exchange);
      return;
    }
    // The time for connecting does not count as time for the body.
    this.expectNext(exchange);
    if (replay !== null && drained) this.downstream.resumeBody();
  }

  onUpstreamBytes(bytes: Buffer, length: number): void {
    const exchange = this.downstream.exchange;
    if (exchange === null || exchange.upstream === null) {
      // Bytes on a pinned connection between two exchanges: it cannot be trusted any more.
      this.dropPinned();
      return;
    }
    exchange.replay = null;
    if (exchange.sentAt > 0) this.noteFirstByte(exchange);
    if (this.relay.take(exchange, bytes, length)) this.complete(exchange);
  }

  private noteFirstByte(exchange: Exchange): void {
    if (!exchange.held)
      this.core.counts.observe(METRICS.firstBytes, (monotonicNow() - exchange.sentAt) / 1_000);
    exchange.sentAt = 0;
  }

  onUpstreamDrain(): void {
    this.downstream.resumeBody();
  }

  onUpstreamClosed(clean: boolean, connected: boolean): void {
    const exchange = this.downstream.exchange;
    const lackedPort = exchange?.upstream?.lackedPort ?? false;
    const { pinned } = this;
    if (pinned?.upstream.closed === true) {
      if (exchange === null) {
        this.dropPinned();
        return;
      }
      if (pinned.claimed && !lackedPort) exchange.persistent = false;
      this.unpin();
    }
    // A pinned connection may end while the next request is arriving: nothing of it was sent.
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
        this.downstream.cut();
      }
      return;
    }
    const code = connected ? 'EASGATE_UPSTREAM_CLOSED' : 'EASGATE_UPSTREAM_CONNECT';
    // A server may end a held poll by closing; then only a failed connect counts against it.
    if (!exchange.upstreamReused && !(connected && exchange.held)) server.failed(code);
    if (!this.sendAgain(exchange, server, connected)) this.downstream.fail(exchange, code);
  }

  /**
   * The local address had no free port: the next one is tried at once, until all were. Where the system chooses the
   * address, ports are short towards one server only. The server was not asked and does not count as failed.
   */
  private sendFromElsewhere(exchange: Exchange, server: UpstreamServer): void {
    const data = exchange.replay;
    if (data !== null && server.pool.sources.hasAnother && ++this.sourcesTried < MAX_SOURCES) {
      exchange.replay = null;
      exchange.attempts--;
      this.dispatch(exchange, server, data);
    } else if (!this.sendAgain(exchange, server, false)) {
      this.downstream.fail(exchange, 'EASGATE_NO_LOCAL_PORT');
    }
  }

  /** The client must not continue as if the connection to the server were still authenticated (RFC 4559 6). */
  private dropPinned(): void {
    const claimed = this.pinned?.claimed === true;
    this.unpin();
    if (claimed) this.downstream.close();
  }

  /** No response head in time. A held poll that times out does not count against the server. */
  responseTimedOut(exchange: Exchange): void {
    if (!exchange.held) exchange.server?.failed('EASGATE_UPSTREAM_TIMEOUT');
    this.downstream.fail(exchange, 'EASGATE_UPSTREAM_TIMEOUT');
  }

  /** The connection was not established in time. */
  connectTimedOut(exchange: Exchange): void {
    const server = exchange.server as UpstreamServer;
    server.failed('EASGATE_UPSTREAM_CONNECT_TIMEOUT');
    const { replay } = exchange;
    this.abandon(exchange);
    exchange.replay = replay;
    if (!this.sendAgain(exchange, server, false))
      this.downstream.fail(exchange, 'EASGATE_UPSTREAM_CONNECT_TIMEOUT');
  }

  /**
   * One retry, where it is safe (RFC 9112 9.3.1): nothing was sent, then to another server; or a reused connection
   * closed before the first response byte and the command may be repeated, then on a new connection.
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
      this.core.counts.add(METRICS.retries);
      exchange.attempts = MAX_ATTEMPTS;
      this.send(exchange, upstream, data);
      return true;
    }
    const other = this.core.upstreams.pick(exchange.device ?? this.downstream.address, server);
    if (other === null || other.settings.hostHeader !== server.settings.hostHeader) return false;
    this.core.counts.add(METRICS.retries);
    exchange.server = other;
    this.expectNext(exchange);
    this.dispatch(exchange, other, data);
    return true;
  }

  // ---------------------------------------------------------------------------------------------- response

  onResponseHead(exchange: Exchange, head: ResponseHead): boolean | null {
    return acceptHead(this.downstream, exchange, head, this.pinned);
  }

  /** The phone read the pending data; returns whether it is fast enough. */
  onPhoneDrain(exchange: Exchange): boolean {
    return this.relay.onPhoneDrain(exchange);
  }

  /** The response was sent completely: returns the connection to the pool if its state is certain. */
  private complete(exchange: Exchange): void {
    const upstream = exchange.upstream;
    exchange.upstream = null;
    if (upstream !== null) {
      const clean = exchange.upstreamKeepAlive && exchange.requestComplete && !this.relay.excess;
      const isPinned = upstream === this.pinned?.upstream;
      if (!clean) upstream.destroy();
      else if (isPinned) upstream.served++;
      else exchange.server?.pool.release(upstream);
      if (isPinned && upstream.closed) this.unpin();
    }
    // A local reply inside onResponseHead already ended the exchange.
    if (this.downstream.exchange !== exchange) return;
    this.downstream.end(exchange, exchange.status);
  }
}
