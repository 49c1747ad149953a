// Owns one client connection, its current client, and every way in which an exchange or the connection ends. Path of a
// request: request-reader.ts, access/gate.ts, driver.ts with exchange/steps.ts, then forwarder.ts or a reply of
// access/.
import type { Socket } from 'node:net';
import { monotonicNow } from '../../clock.ts';
import { stopWaiting } from '../../directory/place-wait.ts';
import { ERRORS } from '../../errors/request-errors.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { errorReply } from '../../http/reply.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { RequestFacts } from '../../policy/engine/facts.ts';
import { GateMemo } from '../access/gate.ts';
import { localReply } from '../access/local-replies.ts';
import { Driver } from './driver.ts';
import { expire } from './expiry.ts';
import { keepShortText, sharedHost } from './held-text.ts';
import { Timeouts } from './timeouts.ts';
import type { Timed } from '../io/deadlines.ts';
import { dropOwnEndHandler } from '../io/end-handler.ts';
import { unsentBytes, writeText } from '../io/direct-writes.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';
import type { ExchangePhase } from '../exchange/transitions.ts';
import { Forwarder } from '../forward/forwarder.ts';
import { copyOrigin, directOrigin, proxiedOrigin } from '../upstream/client-origin.ts';
import type { ClientOrigin, Peer } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';
import { Accounting } from './accounting.ts';
import { RequestBody } from './request-body.ts';
import { RequestReader } from './request-reader.ts';
import type { RequestSource } from './request-reader.ts';
import type { SharedSocket } from '../io/shared-reads.ts';

/** A connection before its first request, from the listener. */
export interface PhoneEndpoint extends Peer {
  readonly port: number;
  /** The TCP socket: below TLS, or the connection itself. */
  readonly transport: Socket;
  /**
   * The listener's handler of `close` on the same socket; null = the listener has another socket, below TLS. The connection calls it: two
   * handlers of one event are a list of 104 bytes, which each held poll would keep.
   */
  readonly onClosed: ((this: Socket) => void) | null;
  /** The user of the client certificate; null = none. */
  readonly certificateUser: UserKey | null;
}

interface OwnedSocket extends SharedSocket {
  owner: ClientConnection;
}

function onData(this: Socket, chunk: Buffer): void {
  (this as OwnedSocket).owner.reader.onData(chunk);
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
export class ClientConnection implements Timed, RequestSource {
  slot = -1;
  exchange: Exchange | null = null;
  readonly core: GatewayCore;
  readonly socket: Socket;
  readonly body = new RequestBody();
  /** The client's address for the log: the peer's, or the one reported by a trusted proxy. */
  address: string;
  lastFacts: RequestFacts | null = null;
  /** The client of the current request; constant unless the peer is a proxy. */
  origin: ClientOrigin;
  readonly memo = new GateMemo();
  readonly reader: RequestReader;
  readonly timeouts: Timeouts;
  readonly driver: Driver;
  readonly forwarder: Forwarder;
  readonly accounting: Accounting;
  clientEnded = false;
  lingering = false;
  draining = false;
  /** Clock milliseconds until which a draining connection may stay idle; null = it does not drain. */
  private idleUntil: number | null = null;
  private readonly endpoint: PhoneEndpoint;
  /** The peer is a trusted proxy, which sends requests of other clients. */
  readonly trusted: boolean;
  /** X-Forwarded-* and Via lines; '' = not built. */
  private forwarded = '';

  constructor(socket: Socket, core: GatewayCore, endpoint: PhoneEndpoint) {
    this.socket = socket;
    this.core = core;
    this.endpoint = endpoint;
    this.address = endpoint.address;
    this.origin = directOrigin(endpoint, '');
    this.trusted = core.isTrustedProxy(endpoint.address);
    this.forwarder = new Forwarder(this);
    this.timeouts = new Timeouts(this, core);
    this.driver = new Driver(this, this.forwarder);
    this.accounting = new Accounting(core);
    this.reader = new RequestReader(this);
    (socket as OwnedSocket).owner = this;
    (socket as OwnedSocket).reader = this.reader;
    this.listen();
  }

  private listen(): void {
    const { socket } = this;
    this.core.deadlines.add(this);
    // The first head is due as soon as later ones.
    this.timeouts.awaitHead();
    socket.on('data', onData);
    socket.on('drain', onDrain);
    dropOwnEndHandler(socket);
    socket.on('end', onEnd);
    if (this.endpoint.onClosed !== null) socket.off('close', this.endpoint.onClosed);
    socket.on('close', onClose);
    socket.on('error', ignore);
  }

  get port(): number {
    return this.endpoint.port;
  }

  /** Null on a proxy's connection: the next request may be another client's, even from the same address. */
  get boundUser(): UserKey | null {
    return this.trusted ? null : this.forwarder.boundUser;
  }

  get challengeUnicode(): boolean | null {
    return this.forwarder.challengeUnicode;
  }

  get certificateUser(): UserKey | null {
    return this.endpoint.certificateUser;
  }

  // ---------------------------------------------------------------------------------------------- whose requests

  /** A trusted proxy may send requests of several clients: facts about one do not apply to the next. */
  noteOrigin(head: RequestHead): void {
    if (!this.trusted) {
      if (head.host === this.origin.host) return;
      this.origin = directOrigin(this.endpoint, sharedHost(head.host));
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

  /** The X-Forwarded-* and Via lines. Built once per phone, whose requests name one host, and again after a held poll. */
  forwardedLines(): string {
    if (this.forwarded === '')
      this.forwarded = this.core.forwardedLines(this.origin, this.endpoint.certificateUser);
    return this.forwarded;
  }

  /** Ten thousand polls are held for an hour, so only text that is needed after it was sent is kept, in short copies. */
  onHold(exchange: Exchange): void {
    if (this.trusted) {
      this.origin = copyOrigin(this.origin);
      this.address = this.origin.address;
    }
    keepShortText(exchange, this.memo);
    this.forwarded = '';
    this.lastFacts = null;
  }

  // ---------------------------------------------------------------------------------------------- client events

  onDrain(): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (!this.reader.hasInput) return;
      this.socket.resume();
      this.reader.readRequests();
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
      // Data that the phone has not read yet is still delivered.
      if (unsentBytes(this.socket) === 0) this.socket.destroy();
      else if (!this.lingering) this.linger();
    } else if (!this.body.complete) {
      exchange.error = 'EASGATE_LENGTH_MISMATCH';
      this.socket.destroy();
    } else if (exchange.held && exchange.phase !== 'responding') {
      // A phone that closes its side of a held poll has left; the server's connection is closed at once.
      this.socket.destroy();
    } else {
      this.clientEnded = true;
      exchange.persistent = false;
      this.timeouts.halfClosed();
    }
  }

  onClose(): void {
    this.endpoint.onClosed?.call(this.socket);
    this.core.deadlines.remove(this);
    const exchange = this.exchange;
    this.exchange = null;
    this.reader.discard();
    if (exchange !== null) this.forwarder.abandon(exchange);
    this.forwarder.unpin();
    if (exchange === null) return;
    exchange.error ??= 'EASGATE_CLIENT_LEFT';
    this.finish(exchange, ERRORS[exchange.error].status);
  }

  onDeadline(): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (unsentBytes(this.socket) > 0) {
        // In a drain its time is over early: a slow phone still gets the end of its answer.
        if (this.draining && !this.lingering) this.linger();
        else this.cut();
      } else if (this.lingering || !this.reader.hasInput) this.socket.destroy();
      else this.refuse('EASGATE_HEAD_TIMEOUT');
      return;
    }
    if (this.clientEnded && exchange.phase !== 'responding') {
      this.socket.destroy();
      return;
    }
    expire(this, exchange, this);
  }

  resumeBody(): void {
    this.reader.resumeBody();
  }

  withhold(exchange: Exchange, finding: 'issued' | 'odd'): void {
    if (exchange.phase === 'responding') this.cut();
    else if (finding === 'odd') this.refuse('EASGATE_BODY_MALFORMED');
    else this.driver.takeBack(exchange);
  }

  // ---------------------------------------------------------------------------------------------- the end of an exchange

  noteSeen(exchange: Exchange, status: number): void {
    this.accounting.noteSeen(exchange, status);
  }

  noteAnswer(exchange: Exchange, head: ResponseHead): void {
    if (exchange.exitsUnder !== null && head.status === 200)
      this.core.completedExits.note(exchange.exitsUnder);
    this.accounting.noteAnswer(exchange, head);
  }

  begin(exchange: Exchange): void {
    this.exchange = exchange;
  }

  enter(exchange: Exchange, phase: ExchangePhase): boolean {
    const from = exchange.phase;
    if (exchange.moveTo(phase)) return true;
    this.core.onTrouble('EASGATE_ILLEGAL_TRANSITION', { from, to: phase });
    exchange.error = 'EASGATE_ILLEGAL_TRANSITION';
    this.socket.destroy();
    return false;
  }

  reply(exchange: Exchange, reply: Reply): void {
    if (reply.kind === 'comeAgain') exchange.error = reply.why;
    // The rest of the body must never be read as a request.
    if (!this.body.complete) exchange.persistent = false;
    const { status, data } = localReply(exchange, reply, this.core.settings.retryAfterSeconds);
    this.answer(exchange, data, status);
  }

  /** Writes a complete local response and ends the exchange. */
  private answer(exchange: Exchange, data: string, status: number): void {
    this.forwarder.abandon(exchange);
    exchange.bytesOut = data.length - (data.indexOf('\r\n\r\n') + 4);
    writeText(this.socket, data);
    this.end(exchange, status);
  }

  end(exchange: Exchange, status: number): void {
    this.exchange = null;
    this.body.release();
    this.finish(exchange, status);
    // No request can follow an incomplete body, whatever the answer said (RFC 9112 9.3).
    if (!exchange.persistent || !this.body.complete || (this.clientEnded && !this.reader.hasInput)) {
      this.linger();
      return;
    }
    this.timeouts.awaitRequest(this.forwarder.handshaking);
    if (this.idleUntil !== null) this.timeouts.endBy(this.idleUntil);
    if (this.socket.isPaused()) this.socket.resume();
    if (this.reader.hasInput) this.reader.readRequests();
  }

  private finish(exchange: Exchange, status: number): void {
    stopWaiting(exchange);
    if (!this.enter(exchange, 'done')) return;
    exchange.status = status;
    const { use, command, bodyDigest } = exchange;
    if (use !== null) this.core.throttle.noteEnd(use, command, bodyDigest, this.core.deadlines.now);
    if (exchange.pingTicket !== null) this.core.throttle.forgetPing(exchange.pingTicket, this.driver);
    this.core.onFinished(exchange, this.address);
  }

  /** Closes the write side and reads on briefly, so that a reset does not destroy the last reply (RFC 9112 9.6). */
  private linger(): void {
    this.lingering = true;
    this.reader.discard();
    if (unsentBytes(this.socket) === 0) {
      this.timeouts.linger();
    } else {
      // A slow phone gets the usual time for the end of its answer.
      this.timeouts.awaitPhone();
      this.socket.once('finish', () => this.timeouts.linger());
    }
    this.socket.end();
    this.socket.resume();
  }

  // ---------------------------------------------------------------------------------------------- answers

  /** Error of the client: sends its status and closes the connection. */
  refuse(code: HttpErrorCode): void {
    const exchange = this.exchange ?? new Exchange(monotonicNow());
    this.exchange = exchange;
    exchange.error = code;
    exchange.persistent = false;
    if (exchange.phase === 'responding') {
      this.cut();
      return;
    }
    this.answer(exchange, errorReply(code, false, this.core.settings.retryAfterSeconds), ERRORS[code].status);
  }

  /** Error of the mail server or the store. */
  fail(exchange: Exchange, code: HttpErrorCode): void {
    // A bug of easgate is logged for a report.
    if (ERRORS[code].status === 500) this.core.onTrouble(code, { command: exchange.command });
    exchange.error = code;
    if (exchange.phase === 'responding') {
      this.cut();
      return;
    }
    if (!this.body.complete) exchange.persistent = false;
    const wait =
      exchange.retryAfterSeconds > 0 ? exchange.retryAfterSeconds : this.core.settings.retryAfterSeconds;
    const data = errorReply(code, exchange.persistent, wait);
    this.answer(exchange, data, ERRORS[code].status);
  }

  // ---------------------------------------------------------------------------------------------- from outside

  /**
   * Drains: transfers finish, a held poll ends with a valid reply at `pollsUntil`. An idle connection also stays open
   * until then, because a request may be arriving; so does one whose current response did not announce its end. The next
   * response does.
   */
  drain(pollsUntil: number): void {
    const { exchange } = this;
    this.draining = true;
    this.idleUntil = pollsUntil;
    if (exchange === null && this.lingering) return;
    if (exchange !== null) {
      if (exchange.phase !== 'responding') exchange.persistent = false;
      // Includes a poll that waits for a connection: it would otherwise be held for its heartbeat from then on.
      if (exchange.held) exchange.responseDeadline = Math.min(exchange.responseDeadline, pollsUntil);
    }
    if (exchange === null || this.holdsPoll) this.timeouts.endBy(pollsUntil);
  }

  /** The end of the current poll can be chosen. */
  get holdsPoll(): boolean {
    const { exchange } = this;
    return (
      exchange !== null && exchange.held && (exchange.phase === 'forwarded' || exchange.phase === 'held')
    );
  }

  handOver(bytes: Buffer): void {
    const { socket } = this;
    this.core.deadlines.remove(this);
    this.forwarder.unpin();
    socket.off('data', onData);
    socket.off('drain', onDrain);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    if (this.endpoint.onClosed !== null) socket.on('close', this.endpoint.onClosed);
    this.core.lane?.accept(socket, bytes, this.endpoint, (rest) => this.takeBack(rest));
    socket.off('error', ignore);
  }

  /** The lane's connection goes on with `bytes`, the beginning of a request that is not the lane's. */
  private takeBack(bytes: Buffer): void {
    const { socket } = this;
    this.listen();
    // It was paused where much is pipelined; the reader may pause it again.
    if (socket.isPaused()) socket.resume();
    this.reader.takeBack(bytes);
  }

  /** The pinned connection to the mail server is gone. */
  close(): void {
    if (this.exchange === null) this.linger();
    else this.cut();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /**
   * Ends a response in progress with a reset: a FIN would look like the end of a body delimited by close. TLS shows the
   * cut by a missing close_notify (RFC 8446 6.1); resetAndDestroy() throws for its sockets.
   */
  cut(): void {
    // Only the TCP socket can be reset. After end(), Node resets without emitting 'close'.
    if (!this.socket.writableEnded) this.endpoint.transport.resetAndDestroy();
    this.socket.destroy();
  }
}
