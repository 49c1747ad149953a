// Owns one client connection: requests in order, one exchange at a time, and everything that can cut it short.
// The way of a request: head -> gate, identity (admission.ts) -> verdict (decision.ts) -> forwarder.ts, or denial.ts.
import type { Socket } from 'node:net';
import { parseDiscoveryTarget } from '../eas/autodiscover/target.ts';
import { carriesMail } from '../eas/commands.ts';
import { ERRORS } from '../http/errors.ts';
import type { HttpErrorCode } from '../http/errors.ts';
import { errorReply } from '../http/reply.ts';
import { parseRequestHead } from '../http/request-head.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { UserKey } from '../identity/keys.ts';
import { AdmissionMemo, admit, admitDiscovery, detach } from './admission.ts';
import type { RequestOrigin } from './admission.ts';
import type { Timed } from './deadlines.ts';
import { needsDrain, unsentBytes, writeText } from './direct-writes.ts';
import { BodyRate } from './body-rate.ts';
import { Decision } from './decision.ts';
import { PhoneAccount } from './phone-account.ts';
import { Exchange } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import type { PhoneSide } from './forwarder.ts';
import { directOrigin, proxiedOrigin } from './forwarding.ts';
import type { ClientOrigin, Peer } from './forwarding.ts';
import type { GatewayCore } from './gateway-core.ts';
import { RequestBody } from './request-body.ts';
import type { SharedReader, SharedSocket } from './shared-reads.ts';
import {
  BUFFERED_BODY_BYTES,
  HALF_CLOSE_GRACE_MS,
  LINGER_BYTES,
  LINGER_MS,
  MAX_DISCOVERY_BYTES,
  MAX_PIPELINED_BYTES,
} from './settings.ts';

/** What the listener knows of a connection before its first request. */
export interface PhoneEndpoint extends Peer {
  readonly port: number;
  /** The socket of TCP: below TLS, or the connection itself. */
  readonly transport: Socket;
  /** Whom the client certificate names; null = none. */
  readonly certificateUser: UserKey | null;
}

interface OwnedSocket extends SharedSocket {
  owner: ClientConnection;
}

function onData(this: Socket, chunk: Buffer): void {
  (this as OwnedSocket).owner.onData(chunk);
}

function onDrain(this: Socket): void {
  (this as OwnedSocket).owner.onDrain();
}

function onEnd(this: Socket): void {
  (this as OwnedSocket).owner.onEnd();
}

function onClose(this: Socket): void {
  (this as OwnedSocket).owner.onClose();
}

function ignore(): void {
  // the close event follows
}

/** A connection from a phone. */
export class ClientConnection implements Timed, PhoneSide, RequestOrigin, SharedReader {
  deadline: number;
  next: Timed | null = null;
  previous: Timed | null = null;
  exchange: Exchange | null = null;
  readonly core: GatewayCore;
  readonly socket: Socket;
  readonly body = new RequestBody();
  /** The address of the client, for the log: the peer's, or what a trusted proxy says of it. */
  address: string;
  readonly port: number;
  readonly certificateUser: UserKey | null;
  readonly memo = new AdmissionMemo();
  /** What becomes of the request under way. */
  readonly decision: Decision;
  clientEnded = false;
  private readonly endpoint: PhoneEndpoint;
  /** A trusted proxy: its requests are those of others. */
  private readonly trusted: boolean;
  /** Whose request is under way; of a phone itself, whose requests were before too. */
  private origin: ClientOrigin;
  /** The header lines that tell the mail server of it; '' = not written yet. */
  private forwarded = '';
  private readonly forwarder: Forwarder;
  private readonly account: PhoneAccount;
  private readonly rate = new BodyRate();
  /** Bytes that belong to no exchange yet: part of a head, or pipelined requests. */
  private input: Buffer | null = null;
  private requests = 0;
  private parsing = false;
  private lingering = false;
  private handedOver = false;
  private draining = false;
  private lingerBytes = 0;

  constructor(socket: Socket, core: GatewayCore, endpoint: PhoneEndpoint) {
    this.socket = socket;
    this.core = core;
    this.endpoint = endpoint;
    this.address = endpoint.address;
    this.origin = directOrigin(endpoint, '');
    this.port = endpoint.port;
    this.certificateUser = endpoint.certificateUser;
    this.trusted = core.isTrustedProxy(endpoint.address);
    this.forwarder = new Forwarder(this);
    this.decision = new Decision(this, this.forwarder);
    this.account = new PhoneAccount(core);
    // The first head must come as soon as later ones do.
    this.deadline = core.deadlines.now + core.settings.client.headTimeoutMs;
    (socket as OwnedSocket).owner = this;
    (socket as OwnedSocket).reader = this;
    socket.on('data', onData);
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.on('error', ignore);
    core.deadlines.add(this);
  }

  /** On the connection of a proxy, nobody: also behind one address the next request may be another client's. */
  get boundUser(): UserKey | null {
    return this.trusted ? null : this.forwarder.boundUser;
  }

  // ---------------------------------------------------------------------------------------------- client events

  onData(chunk: Buffer): void {
    if (this.lingering) {
      this.lingerBytes += chunk.length;
      if (this.lingerBytes > LINGER_BYTES) this.socket.destroy();
      return;
    }
    const exchange = this.exchange;
    if (exchange === null) {
      this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
      this.readRequests();
    } else if (this.body.complete) {
      this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
      if (this.input.length <= MAX_PIPELINED_BYTES) return;
      // A socket that is not read does not tell that its phone left: a held poll would stay for its whole heartbeat.
      if (exchange.held) this.cut();
      else this.socket.pause();
    } else if (exchange.phase === 'gate' || exchange.phase === 'verdict') {
      this.keepBody(exchange, chunk);
    } else if (exchange.phase === 'queued') {
      this.refuse('EASGATE_UPSTREAM_BUSY');
    } else {
      this.streamBody(exchange, chunk);
    }
  }

  /** What outlives the call is copied; a request that is read whole and forwarded at once leaves nothing. */
  onSharedBytes(bytes: Buffer): boolean {
    this.onData(bytes);
    const { input, body } = this;
    if (input !== null && input.buffer === bytes.buffer) this.input = Buffer.from(input);
    if (body.kept !== null && body.kept.buffer === bytes.buffer) body.kept = Buffer.from(body.kept);
    return !this.socket.isPaused();
  }

  onDrain(): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (this.input === null) return;
      this.socket.resume();
      this.readRequests();
      return;
    }
    if (exchange.upstream === null) return;
    if (this.forwarder.onPhoneDrain(exchange)) return;
    exchange.error = 'EASGATE_CLIENT_STALLED';
    this.cut();
  }

  onEnd(): void {
    const exchange = this.exchange;
    if (exchange === null || this.lingering) {
      // What the phone has not taken yet it still gets.
      if (unsentBytes(this.socket) === 0) this.socket.destroy();
      else if (!this.lingering) this.linger();
    } else if (!this.body.complete) {
      exchange.error = 'EASGATE_LENGTH_MISMATCH';
      this.socket.destroy();
    } else if (exchange.held && exchange.phase !== 'responding') {
      // A phone that closes its side of a held poll has left; the server is told at once.
      this.socket.destroy();
    } else {
      this.clientEnded = true;
      exchange.persistent = false;
      this.deadline = Math.min(this.deadline, this.core.deadlines.now + HALF_CLOSE_GRACE_MS);
    }
  }

  onClose(): void {
    this.core.deadlines.remove(this);
    const exchange = this.exchange;
    this.exchange = null;
    this.input = null;
    if (exchange !== null) this.forwarder.abandon(exchange);
    this.forwarder.unpin();
    if (exchange === null) return;
    exchange.error ??= 'EASGATE_CLIENT_LEFT';
    this.finish(exchange, ERRORS[exchange.error].status);
  }

  onDeadline(): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (unsentBytes(this.socket) > 0) this.cut();
      else if (this.lingering || this.input === null) this.socket.destroy();
      else this.refuse('EASGATE_HEAD_TIMEOUT');
      return;
    }
    if (this.clientEnded && exchange.phase !== 'responding') {
      this.socket.destroy();
      return;
    }
    switch (exchange.phase) {
      case 'gate':
        this.refuse('EASGATE_BODY_TIMEOUT');
        break;
      case 'verdict':
        // The verdict cache has its own, shorter deadline; this is the backstop.
        this.refuse('EASGATE_STORE_UNAVAILABLE');
        break;
      case 'queued':
        this.fail(exchange, 'EASGATE_UPSTREAM_BUSY');
        break;
      case 'held':
        if (this.draining) this.decision.endHeldPoll(exchange);
        else this.decision.expire(exchange);
        break;
      case 'forwarded':
        if (this.isPollOver(exchange)) {
          this.decision.endHeldPoll(exchange);
        } else if (!(exchange.upstream?.connected ?? true)) {
          this.forwarder.connectTimedOut(exchange);
        } else if (!exchange.requestComplete) {
          // A server that takes nothing is not the phone's fault.
          if (this.socket.isPaused()) this.fail(exchange, 'EASGATE_UPSTREAM_STALLED');
          else this.refuse('EASGATE_BODY_TIMEOUT');
        } else {
          this.forwarder.responseTimedOut(exchange);
        }
        break;
      default:
        exchange.error =
          exchange.upstream?.paused === true ? 'EASGATE_CLIENT_STALLED' : 'EASGATE_UPSTREAM_STALLED';
        this.cut();
    }
  }

  /** A drain, or the end of the decision that allowed it, ends the poll before its server does. */
  private isPollOver(exchange: Exchange): boolean {
    if (!exchange.held || exchange.responseDeadline > this.core.deadlines.now) return false;
    return this.draining || this.decision.isExpired(exchange);
  }

  // ---------------------------------------------------------------------------------------------- reading requests

  /** Parses requests as long as there are bytes and nothing is under way. */
  private readRequests(): void {
    if (this.parsing) return;
    this.parsing = true;
    while (this.input !== null && this.exchange === null && !this.lingering && !this.handedOver) {
      if (needsDrain(this.socket)) {
        // Who takes no answers gets no more of them: what waits in the socket stays bounded.
        this.socket.pause();
        this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
        break;
      }
      const bytes: Buffer = this.input;
      const known = this.memo.sameHead(bytes);
      const head = known ?? parseRequestHead(bytes, 0, bytes.length, this.core.settings.client);
      if (head === null) {
        if (this.deadline - this.core.deadlines.now > this.core.settings.client.headTimeoutMs) {
          this.deadline = this.core.deadlines.now + this.core.settings.client.headTimeoutMs;
        }
        break;
      }
      this.input = null;
      if (typeof head === 'string') this.refuse(head);
      else if (this.core.lane?.wants(head.target) ?? false) this.handOver(bytes);
      else {
        if (known === null) this.memo.noteHead(head, bytes);
        this.begin(head, bytes);
      }
    }
    this.parsing = false;
  }

  /** The request, and with it the connection, belongs to the pass-through lane. */
  private handOver(bytes: Buffer): void {
    const { socket } = this;
    this.core.deadlines.remove(this);
    this.forwarder.unpin();
    this.handedOver = true;
    socket.off('data', onData);
    socket.off('drain', onDrain);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    this.core.lane?.accept(socket, bytes, this.endpoint);
    socket.off('error', ignore);
  }

  private begin(head: RequestHead, bytes: Buffer): void {
    const { client } = this.core.settings;
    const exchange = new Exchange(Date.now());
    this.exchange = exchange;
    this.requests++;
    exchange.method = head.method;
    exchange.minor = head.minor;
    exchange.framing = head.framing;
    exchange.contentLength = head.contentLength;
    exchange.expectContinue = head.expectContinue;
    exchange.persistent =
      head.keepAlive &&
      !this.core.draining &&
      (client.maxRequestsPerConnection === 0 || this.requests < client.maxRequestsPerConnection);
    this.body.begin(head.framing, head.contentLength, client.maxBodyBytes);
    this.noteOrigin(head);
    const { settings } = this.core;
    const discovery = this.core.discovery === null ? null : parseDiscoveryTarget(head.method, head.target);
    const bad =
      discovery === null
        ? admit(settings, this, exchange, head)
        : admitDiscovery(settings, this, exchange, head, discovery);
    if (bad !== null) {
      this.refuse(bad);
      return;
    }
    const { command } = exchange;
    const mail = command !== null && carriesMail(command);
    const small = discovery === null ? client.maxCommandBodyBytes : MAX_DISCOVERY_BYTES;
    if (!this.body.limit(mail ? client.maxBodyBytes : small)) {
      this.refuse('EASGATE_BODY_TOO_LARGE');
      return;
    }
    const wait = this.account.count(exchange, this.address);
    if (wait !== null) {
      // A new connection costs a phone more than this request, so a body that is at hand is read past.
      const at = this.body.keep(bytes, head.end);
      if (at < bytes.length) this.input = bytes.subarray(at);
      this.fail(exchange, wait);
      return;
    }
    const { now } = this.core.deadlines;
    this.deadline = now + client.bodyTimeoutMs;
    this.rate.restart(now, 0);
    this.keepBody(exchange, bytes, head.end);
  }

  /** A trusted proxy may send several clients' requests on one connection: what is known of one is not the next one's. */
  private noteOrigin(head: RequestHead): void {
    if (!this.trusted) {
      if (head.host === this.origin.host) return;
      this.origin = directOrigin(this.endpoint, detach(head.host));
      this.forwarded = '';
      return;
    }
    this.origin = proxiedOrigin(this.endpoint, head, this.core.forwarding);
    this.forwarded = '';
    const { address, hidden } = this.origin;
    if (address === this.address && !hidden) return;
    this.address = address;
    this.forwarder.unpin();
  }

  /** Hands on body bytes that come after the head was forwarded. */
  private streamBody(exchange: Exchange, bytes: Buffer): void {
    const at = this.forwarder.streamBody(exchange, bytes);
    if (this.exchange !== exchange) return;
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (!this.body.complete && this.isTooSlow()) this.refuse('EASGATE_BODY_TIMEOUT');
  }

  /** The mail server takes bytes again: the time it did not is not the phone's. */
  resumeBody(): void {
    this.rate.restart(this.core.deadlines.now, this.body.received);
    this.socket.resume();
  }

  /** Takes body bytes before the request was forwarded, then sees how far the exchange can go. */
  private keepBody(exchange: Exchange, bytes: Buffer, from = 0): void {
    const at = this.body.keep(bytes, from);
    exchange.bytesIn = this.body.received;
    if (this.body.error !== null) {
      this.refuse(this.body.error);
      return;
    }
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (exchange.phase === 'gate') {
      if (!this.body.complete && this.isTooSlow()) {
        this.refuse('EASGATE_BODY_TIMEOUT');
        return;
      }
      this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
      this.decision.advance(exchange);
    } else if (this.body.received > BUFFERED_BODY_BYTES) {
      this.socket.pause();
    }
  }

  /** What the mail server learns of the client. Written once for a phone, whose requests name one host. */
  forwardedLines(): string {
    if (this.forwarded === '')
      this.forwarded = this.core.forwardedLines(this.origin, this.endpoint.certificateUser);
    return this.forwarded;
  }

  private isTooSlow(): boolean {
    const { client } = this.core.settings;
    return this.rate.isTooSlow(
      this.core.deadlines.now,
      this.body.received,
      client.rateWindowMs,
      client.minBodyRate,
    );
  }

  // ---------------------------------------------------------------------------------------------- the end of an exchange

  noteSeen(exchange: Exchange, status: number): void {
    if (exchange.arrivesUnder !== null && status === 200) this.core.arrivals.note(exchange.arrivesUnder);
    this.account.noteSeen(exchange, status);
  }

  /** Writes a whole local response and ends the exchange. What is still to come of its body is never read as a request. */
  reply(exchange: Exchange, data: string, status: number): void {
    if (!this.body.complete) exchange.persistent = false;
    this.forwarder.abandon(exchange);
    writeText(this.socket, data);
    this.end(exchange, status);
  }

  end(exchange: Exchange, status: number): void {
    this.exchange = null;
    this.body.release();
    this.finish(exchange, status);
    // Whatever the answer said: behind half a body no request can begin (RFC 9112 9.3).
    if (!exchange.persistent || !this.body.complete || (this.clientEnded && this.input === null)) {
      this.linger();
      return;
    }
    const { headTimeoutMs, keepAliveTimeoutMs } = this.core.settings.client;
    // Nobody is known yet who holds a connection to the mail server by a handshake: the closing leg must come soon.
    const idleMs = this.forwarder.handshaking
      ? Math.min(headTimeoutMs, keepAliveTimeoutMs)
      : keepAliveTimeoutMs;
    this.deadline = this.core.deadlines.now + idleMs;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.input !== null) this.readRequests();
  }

  private finish(exchange: Exchange, status: number): void {
    exchange.phase = 'done';
    exchange.status = status;
    if (exchange.use !== null) exchange.use.inFlight--;
    if (exchange.pingTicket !== null) this.core.guard.forgetPing(exchange.pingTicket, this.decision);
    this.core.onFinished(exchange, this);
  }

  /** Closes our side and reads on for a moment, so that the last reply is not lost to a reset (RFC 9112 9.6). */
  private linger(): void {
    this.lingering = true;
    this.input = null;
    const { deadlines, settings } = this.core;
    if (unsentBytes(this.socket) === 0) {
      this.deadline = deadlines.now + LINGER_MS;
    } else {
      // A phone on a slow line has as long for the end of its answer as for any other part of it.
      this.deadline = deadlines.now + settings.client.bodyTimeoutMs;
      this.socket.once('finish', () => (this.deadline = deadlines.now + LINGER_MS));
    }
    this.socket.end();
    this.socket.resume();
  }

  // ---------------------------------------------------------------------------------------------- answers

  /** The client is at fault: a clear status, then the connection closes. */
  refuse(code: HttpErrorCode): void {
    const exchange = this.exchange ?? new Exchange(Date.now());
    this.exchange = exchange;
    exchange.error = code;
    exchange.persistent = false;
    if (exchange.phase === 'responding') {
      this.cut();
      return;
    }
    this.reply(exchange, errorReply(code, false, this.core.settings.retryAfterSeconds), ERRORS[code].status);
  }

  /** The mail server or the store is at fault. */
  fail(exchange: Exchange, code: HttpErrorCode): void {
    exchange.error = code;
    if (exchange.phase === 'responding') {
      this.cut();
      return;
    }
    if (!this.body.complete) exchange.persistent = false;
    const wait =
      exchange.retryAfterSeconds > 0 ? exchange.retryAfterSeconds : this.core.settings.retryAfterSeconds;
    const data = errorReply(code, exchange.persistent, wait);
    this.reply(exchange, data, ERRORS[code].status);
  }

  // ---------------------------------------------------------------------------------------------- from outside

  /**
   * The gateway stops: transfers finish, a held poll ends with a valid reply at `pollsUntil`. An idle connection closes
   * only then too: a request may be on its way, which is still served.
   */
  drain(pollsUntil: number): void {
    const { exchange } = this;
    this.draining = true;
    if (exchange === null && unsentBytes(this.socket) > 0) {
      if (!this.lingering) this.linger();
      return;
    }
    if (exchange !== null) {
      exchange.persistent = false;
      // Also of a poll that still waits for a connection: it would be held for its heartbeat from then on.
      if (exchange.held) exchange.responseDeadline = Math.min(exchange.responseDeadline, pollsUntil);
    }
    if (exchange === null || this.holdsPoll) this.deadline = Math.min(this.deadline, pollsUntil);
  }

  /** A held poll is under way: its end can be chosen. */
  get holdsPoll(): boolean {
    const { exchange } = this;
    return (
      exchange !== null && exchange.held && (exchange.phase === 'forwarded' || exchange.phase === 'held')
    );
  }

  /** What this connection was bound to is gone. */
  close(): void {
    if (this.exchange === null) this.linger();
    else this.cut();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /**
   * Ends a response in the middle by a reset: a FIN would look like the end of a body delimited by close. TLS tells a cut
   * by its missing close_notify (RFC 8446 6.1), and resetAndDestroy() throws for its sockets.
   */
  cut(): void {
    // Only TCP can be reset: the socket of TLS above it throws. Behind end(), Node resets without ever emitting 'close'.
    if (!this.socket.writableEnded) this.endpoint.transport.resetAndDestroy();
    this.socket.destroy();
  }
}
