// Owns one client connection: requests in order, one exchange at a time, and everything that can cut it short.
// The way of a request: head -> gate -> identity (admission.ts) -> verdict -> forward or answer -> relay.
import type { Socket } from 'node:net';
import { checkBodyStart, heartbeatOf } from '../eas/body-gate.ts';
import { ERRORS } from '../http/errors.ts';
import type { HttpErrorCode } from '../http/errors.ts';
import { CONTINUE, errorReply, statusReply, wbxmlReply } from '../http/reply.ts';
import { parseRequestHead } from '../http/request-head.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { Verdict } from '../policy/model.ts';
import { clientAddress } from '../identity/client-address.ts';
import { admit } from './admission.ts';
import type { RequestOrigin } from './admission.ts';
import { isRepeatable, refusal, releaseReply, drainReply } from './answers.ts';
import type { Timed } from './deadlines.ts';
import { Exchange } from './exchange.ts';
import type { GatewayCore } from './gateway-core.ts';
import { RequestBody } from './request-body.ts';
import { ResponseRelay } from './response-relay.ts';
import type { ResponseSink } from './response-relay.ts';
import {
  BUFFERED_BODY_BYTES,
  HALF_CLOSE_GRACE_MS,
  LINGER_BYTES,
  LINGER_MS,
  MAX_HEARTBEAT_SECONDS,
  MAX_PIPELINED_BYTES,
} from './settings.ts';
import type { UpstreamConnection, UpstreamUser } from './upstream/upstream-connection.ts';

interface OwnedSocket extends Socket {
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

/** How long a connection need not say again that its device was seen. */
const SEEN_AGAIN_MS = 10_000;
/** Below this, head and body go upstream as one latin1 string: one write, no buffer. */
const SMALL_BODY = 4096;

/** An IPv4 address in its own notation, also where the socket says `::ffff:192.0.2.1`. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** A connection from a phone. */
export class ClientConnection implements Timed, UpstreamUser, ResponseSink, RequestOrigin {
  deadline: number;
  next: Timed | null = null;
  previous: Timed | null = null;
  exchange: Exchange | null = null;
  /** The address of the client, for the log: the peer's, or what a trusted proxy says of it. */
  address: string;
  private readonly peer: string;
  private readonly trusted: boolean;
  private readonly forwarded: string;
  private readonly core: GatewayCore;
  private readonly socket: Socket;
  private readonly body = new RequestBody();
  private readonly relay = new ResponseRelay(this);
  /** Bytes that belong to no exchange yet: part of a head, or pipelined requests. */
  private input: Buffer | null = null;
  private requests = 0;
  private parsing = false;
  private clientEnded = false;
  private lingering = false;
  private seenUser: string | null = null;
  private seenDevice: string | null = null;
  private seenVerdict: Verdict | null = null;
  private seenAt = 0;
  private lingerBytes = 0;

  constructor(socket: Socket, core: GatewayCore) {
    this.socket = socket;
    this.core = core;
    this.peer = plainAddress(socket.remoteAddress ?? '');
    this.address = this.peer;
    this.trusted = core.isTrustedProxy(this.peer);
    this.forwarded = `X-Forwarded-For: ${this.peer}\r\n${core.forwardedSuffix}`;
    // The first head must come as soon as later ones do.
    this.deadline = core.deadlines.now + core.settings.client.headTimeoutMs;
    (socket as OwnedSocket).owner = this;
    socket.on('data', onData);
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.on('error', ignore);
    core.deadlines.add(this);
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
      if (this.input.length > MAX_PIPELINED_BYTES) this.socket.pause();
    } else if (exchange.phase === 'gate' || exchange.phase === 'verdict') {
      this.keepBody(exchange, chunk);
    } else {
      this.streamBody(exchange, chunk);
    }
  }

  onDrain(): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.upstream === null) return;
    this.deadline = this.core.deadlines.now + this.core.settings.upstream.idleTimeoutMs;
    exchange.upstream.resume();
  }

  onEnd(): void {
    const exchange = this.exchange;
    if (exchange === null || this.lingering) {
      this.socket.destroy();
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
    if (exchange === null) return;
    exchange.upstream?.destroy();
    exchange.upstream = null;
    exchange.error ??= 'EASGATE_CLIENT_LEFT';
    this.finish(exchange, ERRORS[exchange.error].status);
  }

  onDeadline(now: number): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (this.lingering || this.input === null) this.socket.destroy();
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
      case 'forwarded':
        if (!exchange.requestComplete) this.refuse('EASGATE_BODY_TIMEOUT');
        else if (!(exchange.upstream?.connected ?? true))
          this.fail(exchange, 'EASGATE_UPSTREAM_CONNECT_TIMEOUT');
        else if (now < exchange.responseDeadline) this.deadline = exchange.responseDeadline;
        else this.fail(exchange, 'EASGATE_UPSTREAM_TIMEOUT');
        break;
      default:
        exchange.error =
          exchange.upstream?.paused === true ? 'EASGATE_CLIENT_STALLED' : 'EASGATE_UPSTREAM_STALLED';
        this.cut();
    }
  }

  // ---------------------------------------------------------------------------------------------- reading requests

  /** Parses requests as long as there are bytes and nothing is under way. */
  private readRequests(): void {
    if (this.parsing) return;
    this.parsing = true;
    while (this.input !== null && this.exchange === null && !this.lingering) {
      const bytes: Buffer = this.input;
      const head = parseRequestHead(bytes, 0, bytes.length, this.core.settings.client);
      if (head === null) {
        if (this.deadline - this.core.deadlines.now > this.core.settings.client.headTimeoutMs) {
          this.deadline = this.core.deadlines.now + this.core.settings.client.headTimeoutMs;
        }
        break;
      }
      this.input = null;
      if (typeof head === 'string') this.refuse(head);
      else this.begin(head, bytes);
    }
    this.parsing = false;
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
    if (head.contentLength > client.maxBodyBytes) {
      this.refuse('EASGATE_BODY_TOO_LARGE');
      return;
    }
    if (this.trusted && head.forwardedFor !== null) {
      this.address = clientAddress(this.peer, head.forwardedFor, this.core.trustedProxies);
    }
    const bad = admit(this.core.settings, this, exchange, head);
    if (bad !== null) {
      this.refuse(bad);
      return;
    }
    this.deadline = this.core.deadlines.now + client.bodyTimeoutMs;
    this.keepBody(exchange, bytes, head.end);
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
      this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
      this.advance(exchange);
    } else if (this.body.received > BUFFERED_BODY_BYTES) {
      this.socket.pause();
    }
  }

  /** What the mail server learns of this connection. Client-sent claims count only from trusted proxies. */
  forwardedLines(head: RequestHead): string {
    if (head.forwardedFor !== null && this.trusted) {
      return `X-Forwarded-For: ${head.forwardedFor}, ${this.peer}\r\n${this.core.forwardedSuffix}`;
    }
    return this.forwarded;
  }

  // ---------------------------------------------------------------------------------------------- gate, verdict

  /** Goes as far as the bytes at hand allow: body start, verdict, 100 Continue, buffering of a chunked body. */
  private advance(exchange: Exchange): void {
    if (
      !exchange.bodyChecked &&
      (!exchange.expectContinue || exchange.continued) &&
      !this.checkBody(exchange)
    )
      return;
    if (exchange.verdict === null && exchange.user !== null && exchange.device !== null) {
      const verdict = this.core.verdicts.peek(exchange.user, exchange.device);
      if (verdict === undefined) {
        void this.awaitVerdict(exchange);
        return;
      }
      exchange.verdict = verdict;
    }
    if (exchange.verdict !== null && exchange.verdict.action !== 'allow') {
      this.answer(exchange);
      return;
    }
    if (exchange.expectContinue && !exchange.continued && !this.body.complete) {
      exchange.continued = true;
      this.socket.write(CONTINUE, 'latin1');
    }
    if (!exchange.bodyChecked && !this.checkBody(exchange)) return;
    if (exchange.framing === 'chunked' && !this.body.complete && this.body.received <= BUFFERED_BODY_BYTES)
      return;
    if (exchange.challengeOnly) this.forwardChallenge(exchange);
    else this.forward(exchange);
  }

  /** Looks at the first bytes of the body; false when more are needed or the request was refused. */
  private checkBody(exchange: Exchange): boolean {
    const outcome = checkBodyStart(exchange.content, exchange.command, this.body.kept, this.body.complete);
    if (outcome === 'need-more') return false;
    if (outcome !== 'ok') {
      this.refuse(outcome);
      return false;
    }
    exchange.bodyChecked = true;
    return true;
  }

  private async awaitVerdict(exchange: Exchange): Promise<void> {
    exchange.phase = 'verdict';
    const verdict = await this.core.decide(exchange);
    // The client may have left meanwhile.
    if (this.exchange !== exchange || exchange.phase !== 'verdict') return;
    exchange.phase = 'gate';
    if (verdict === null) {
      this.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    exchange.verdict = verdict;
    this.socket.resume();
    this.advance(exchange);
  }

  // ---------------------------------------------------------------------------------------------- forward

  private forward(exchange: Exchange): void {
    const upstream = this.core.pool.take();
    if (upstream === null) {
      this.fail(exchange, 'EASGATE_UPSTREAM_BUSY');
      return;
    }
    const { complete, kept } = this.body;
    let head = exchange.upstreamHead ?? '';
    exchange.upstreamHead = null;
    exchange.authorization = null;
    // sogod refuses chunked bodies, so one that was read whole is sent on with its length.
    if (exchange.framing === 'length') head += 'Content-Length: ' + exchange.contentLength + '\r\n\r\n';
    else if (exchange.framing === 'none')
      head += exchange.method === 'POST' ? 'Content-Length: 0\r\n\r\n' : '\r\n';
    else if (complete) head += 'Content-Length: ' + this.body.received + '\r\n\r\n';
    else head += 'Transfer-Encoding: chunked\r\n\r\n';
    const streaming = exchange.framing === 'chunked' && !complete;
    if (streaming && kept !== null) head += kept.length.toString(16) + '\r\n';

    let data: string | Buffer = head;
    if (kept !== null) {
      if (kept.length <= SMALL_BODY) data = head + kept.toString('latin1') + (streaming ? '\r\n' : '');
      else
        data = Buffer.concat([
          Buffer.from(head, 'latin1'),
          kept,
          Buffer.from(streaming ? '\r\n' : '', 'latin1'),
        ]);
    }
    exchange.requestComplete = complete;
    if (complete) {
      const heartbeat = heartbeatOf(exchange.content, exchange.command, kept);
      exchange.held = heartbeat !== 0;
      this.expectResponse(exchange, heartbeat);
    } else {
      this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
    }
    this.body.kept = null;
    exchange.phase = 'forwarded';
    this.send(exchange, upstream, data);
    if (complete && exchange.upstreamReused && isRepeatable(exchange)) exchange.replay = data;
  }

  /** Asks the mail server for its challenge on behalf of a request without credentials; the body stays here. */
  private forwardChallenge(exchange: Exchange): void {
    const upstream = this.core.pool.take();
    if (upstream === null) {
      this.fail(exchange, 'EASGATE_UPSTREAM_BUSY');
      return;
    }
    if (!this.body.complete) exchange.persistent = false;
    exchange.requestComplete = true;
    exchange.phase = 'forwarded';
    this.body.kept = null;
    this.expectResponse(exchange, 0);
    this.send(exchange, upstream, (exchange.upstreamHead ?? '') + '\r\n');
  }

  private send(exchange: Exchange, upstream: UpstreamConnection, data: string | Buffer): void {
    exchange.upstream = upstream;
    exchange.upstreamReused = upstream.served > 0;
    upstream.user = this;
    if (!upstream.connected) {
      this.deadline = Math.min(
        this.deadline,
        this.core.deadlines.now + this.core.settings.upstream.connectTimeoutMs,
      );
    }
    const drained =
      typeof data === 'string' ? upstream.socket.write(data, 'latin1') : upstream.socket.write(data);
    if (!drained && !exchange.requestComplete) this.socket.pause();
  }

  /** Sets how long the response head may take; `heartbeat` seconds, -1 = unknown, 0 = not a held poll. */
  private expectResponse(exchange: Exchange, heartbeat: number): void {
    const { client, upstream } = this.core.settings;
    let wait = upstream.responseTimeoutMs;
    if (heartbeat !== 0) {
      const seconds = heartbeat > 0 ? Math.min(heartbeat, MAX_HEARTBEAT_SECONDS) : MAX_HEARTBEAT_SECONDS;
      wait = seconds * 1000 + client.heldPollMarginMs;
    }
    exchange.responseDeadline = this.core.deadlines.now + wait;
    this.deadline = exchange.responseDeadline;
  }

  /** Hands body bytes on that come after the head was forwarded. */
  private streamBody(exchange: Exchange, bytes: Buffer): void {
    const upstream = exchange.challengeOnly ? null : exchange.upstream;
    let at = 0;
    let drained = true;
    while (at < bytes.length && !this.body.complete) {
      at = this.body.next(bytes, at);
      if (this.body.error !== null) {
        this.refuse(this.body.error);
        return;
      }
      const { payloadStart, payloadEnd } = this.body;
      if (upstream === null || payloadEnd === payloadStart) continue;
      const payload = bytes.subarray(payloadStart, payloadEnd);
      if (exchange.framing === 'chunked') {
        upstream.socket.write(payload.length.toString(16) + '\r\n', 'latin1');
        upstream.socket.write(payload);
        drained = upstream.socket.write('\r\n', 'latin1');
      } else {
        drained = upstream.socket.write(payload);
      }
    }
    exchange.bytesIn = this.body.received;
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (this.body.complete) {
      if (upstream !== null && exchange.framing === 'chunked') upstream.socket.write('0\r\n\r\n', 'latin1');
      exchange.requestComplete = true;
      if (exchange.phase === 'forwarded') this.expectResponse(exchange, 0);
    } else {
      if (exchange.phase === 'forwarded') {
        this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
      }
      if (!drained) this.socket.pause();
    }
  }

  // ---------------------------------------------------------------------------------------------- upstream events

  onUpstreamBytes(bytes: Buffer, length: number): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    exchange.replay = null;
    const result = this.relay.feed(exchange, bytes, length);
    switch (result) {
      case 'more':
        if (exchange.phase === 'responding') {
          this.deadline = this.core.deadlines.now + this.core.settings.upstream.idleTimeoutMs;
        }
        break;
      case 'stalled':
        exchange.upstream?.pause();
        this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
        break;
      case 'complete':
        this.complete(exchange);
        break;
      default:
        this.fail(exchange, result);
    }
  }

  onUpstreamDrain(): void {
    this.socket.resume();
  }

  onUpstreamClosed(clean: boolean, connected: boolean): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    exchange.upstream = null;
    if (exchange.phase === 'responding') {
      if (clean && this.relay.endsAtClose(exchange)) {
        this.complete(exchange);
      } else {
        exchange.error = 'EASGATE_UPSTREAM_TRUNCATED';
        this.cut();
      }
      return;
    }
    const replay = exchange.replay;
    if (replay !== null && exchange.upstreamReused) {
      // The keep-alive race: the server closed while the request was on its way. Once, on a connection of its own.
      exchange.replay = null;
      const upstream = this.core.pool.connect();
      if (upstream !== null) {
        this.core.counters.retries++;
        this.send(exchange, upstream, replay);
        return;
      }
    }
    this.fail(exchange, connected ? 'EASGATE_UPSTREAM_CLOSED' : 'EASGATE_UPSTREAM_CONNECT');
  }

  // ---------------------------------------------------------------------------------------------- response

  write(data: string | Buffer): boolean {
    return typeof data === 'string' ? this.socket.write(data, 'latin1') : this.socket.write(data);
  }

  onResponseHead(exchange: Exchange, head: ResponseHead): boolean | null {
    if (exchange.challengeOnly && head.status !== 401 && head.status !== 403) {
      // No credentials, no answer but a challenge: what else the server says was not asked for by anyone it knows.
      this.reply(exchange, statusReply(401, exchange.persistent, this.core.challengeLines), 401);
      return null;
    }
    exchange.upstreamKeepAlive = head.keepAlive && head.framing !== 'close';
    if (!exchange.requestComplete || head.framing === 'close' || this.core.draining)
      exchange.persistent = false;
    this.noteSeen(exchange, head.status);
    return exchange.persistent;
  }

  /**
   * Makes the partnership known once the mail server took the credentials: by its answer, or, where a verdict kept the
   * request from it (`status` null), by asking. One connection is one phone, so it is said once in a while.
   */
  private noteSeen(exchange: Exchange, status: number | null): void {
    const { now } = this.core.deadlines;
    const { user, device, verdict, authorization } = exchange;
    if (device === null || verdict === null) return;
    const same = device === this.seenDevice && user === this.seenUser && verdict === this.seenVerdict;
    if (same && now - this.seenAt < SEEN_AGAIN_MS) return;
    if (status !== null) {
      if (!this.core.recordSeen(exchange, status)) return;
    } else if (authorization !== null) {
      this.core.probe.consider(exchange, authorization);
    }
    this.seenUser = user;
    this.seenDevice = device;
    this.seenVerdict = verdict;
    this.seenAt = now;
  }

  /** The response went out whole. */
  private complete(exchange: Exchange): void {
    const upstream = exchange.upstream;
    exchange.upstream = null;
    if (upstream !== null) {
      if (exchange.upstreamKeepAlive && exchange.requestComplete && !this.relay.excess)
        this.core.pool.release(upstream);
      else upstream.destroy();
    }
    // A local reply inside onResponseHead has ended the exchange already.
    if (this.exchange !== exchange) return;
    this.end(exchange, exchange.status);
  }

  /** Writes a whole local response and ends the exchange. */
  private reply(exchange: Exchange, data: string, status: number): void {
    exchange.upstream?.destroy();
    exchange.upstream = null;
    this.socket.write(data, 'latin1');
    this.end(exchange, status);
  }

  private end(exchange: Exchange, status: number): void {
    this.exchange = null;
    this.body.kept = null;
    this.finish(exchange, status);
    if (!exchange.persistent || (this.clientEnded && this.input === null)) {
      this.linger();
      return;
    }
    this.deadline = this.core.deadlines.now + this.core.settings.client.keepAliveTimeoutMs;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.input !== null) this.readRequests();
  }

  private finish(exchange: Exchange, status: number): void {
    exchange.phase = 'done';
    exchange.status = status;
    this.core.onFinished(exchange, this);
  }

  /** Closes our side and reads on for a moment, so that the last reply is not lost to a reset (RFC 9112 9.6). */
  private linger(): void {
    this.lingering = true;
    this.input = null;
    this.deadline = this.core.deadlines.now + LINGER_MS;
    this.socket.end();
    this.socket.resume();
  }

  // ---------------------------------------------------------------------------------------------- answers

  /** Answers a request that may not pass. */
  private answer(exchange: Exchange): void {
    if (!this.body.complete) exchange.persistent = false;
    this.noteSeen(exchange, null);
    const refused = refusal(exchange);
    if (refused === null) this.reply(exchange, statusReply(403, exchange.persistent), 403);
    else this.reply(exchange, refused, 200);
  }

  /** The client is at fault: a clear status, then the connection closes. */
  private refuse(code: HttpErrorCode): void {
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
  private fail(exchange: Exchange, code: HttpErrorCode): void {
    exchange.error = code;
    if (exchange.phase === 'responding') {
      this.cut();
      return;
    }
    if (!this.body.complete) exchange.persistent = false;
    const data = errorReply(code, exchange.persistent, this.core.settings.retryAfterSeconds);
    this.reply(exchange, data, ERRORS[code].status);
  }

  // ---------------------------------------------------------------------------------------------- from outside

  /** Whether a change of these devices or users concerns the exchange under way. */
  concerns(devices: ReadonlySet<string>, users: ReadonlySet<string>): boolean {
    const exchange = this.exchange;
    if (exchange === null || exchange.device === null || exchange.user === null) return false;
    return devices.has(exchange.device) || users.has(exchange.user);
  }

  /** Decides the exchange under way anew; ends it when it may not go on. */
  async recheck(): Promise<void> {
    const exchange = this.exchange;
    if (exchange === null || (exchange.phase !== 'forwarded' && exchange.phase !== 'responding')) return;
    if (exchange.user === null || exchange.device === null) return;
    const verdict = await this.core.decide(exchange);
    if (this.exchange !== exchange || verdict === null || verdict.action === 'allow') return;
    exchange.verdict = verdict;
    exchange.error = 'EASGATE_DECISION_CHANGED';
    if (exchange.phase === 'responding') {
      this.cut();
      return;
    }
    const body = releaseReply(exchange);
    if (body === null) this.answer(exchange);
    else this.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
  }

  /** The gateway stops: idle connections close, held polls end with a valid reply, transfers finish. */
  drain(): void {
    const exchange = this.exchange;
    if (exchange === null) {
      this.linger();
      return;
    }
    exchange.persistent = false;
    if (!exchange.held || exchange.phase !== 'forwarded') return;
    const body = drainReply(exchange);
    if (body !== null) this.reply(exchange, wbxmlReply(body, false), 200);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Ends a response in the middle by a reset: a FIN would look like the end of a body delimited by close. */
  private cut(): void {
    this.socket.resetAndDestroy();
  }
}
