// Owns one client connection: requests in order, one exchange at a time, and everything that can cut it short.
// The way of a request: head -> gate -> identity (admission.ts) -> verdict -> forward (forwarder.ts) or answer.
import type { Socket } from 'node:net';
import { checkBodyStart } from '../eas/body-gate.ts';
import { carriesMail } from '../eas/commands.ts';
import type { EasCommand } from '../eas/commands.ts';
import { ERRORS } from '../http/errors.ts';
import type { HttpErrorCode } from '../http/errors.ts';
import { CONTINUE, errorReply, statusReply, wbxmlReply } from '../http/reply.ts';
import { parseRequestHead } from '../http/request-head.ts';
import type { RequestHead } from '../http/request-head.ts';
import { clientAddress } from '../identity/client-address.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict } from '../policy/model.ts';
import { admit, askForChallenge } from './admission.ts';
import type { RequestOrigin } from './admission.ts';
import { drainReply, releaseReply } from './answers.ts';
import type { Timed } from './deadlines.ts';
import { Denial } from './denial.ts';
import type { DeniedPhone } from './denial.ts';
import type { DeviceUse, HeldPing } from './device-guard.ts';
import { Exchange } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import type { PhoneSide } from './forwarder.ts';
import type { GatewayCore } from './gateway-core.ts';
import { RequestBody } from './request-body.ts';
import type { SharedReader, SharedSocket } from './shared-reads.ts';
import {
  BUFFERED_BODY_BYTES,
  HALF_CLOSE_GRACE_MS,
  LINGER_BYTES,
  LINGER_MS,
  MAX_PIPELINED_BYTES,
} from './settings.ts';

/** What the listener knows of a connection before its first request. */
export interface PhoneEndpoint {
  /** The peer, or what a PROXY protocol header says of it. */
  readonly address: string;
  readonly port: number;
  readonly secure: boolean;
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

/** A verdict that a change overtook is looked up again, this often in all. */
const MAX_DECISIONS = 3;
/** How long a connection need not say again that its device was seen. */
const SEEN_AGAIN_MS = 10_000;

/**
 * Whether the body is to be read whole before it goes on, unless it turns out to be large: a heartbeat or a key of the
 * quarantine mailbox may stand anywhere in it. Not in mail that is sent; sogod refuses chunked bodies of any kind.
 */
function isReadWhole({ framing, contentLength, command }: Exchange): boolean {
  if (framing === 'chunked') return true;
  return contentLength <= BUFFERED_BODY_BYTES && command !== null && !SENDING.has(command);
}

const SENDING: ReadonlySet<EasCommand> = new Set<EasCommand>(['SendMail', 'SmartForward', 'SmartReply']);

/** A connection from a phone. */
export class ClientConnection
  implements Timed, PhoneSide, RequestOrigin, HeldPing, DeniedPhone, SharedReader
{
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
  private readonly endpoint: PhoneEndpoint;
  private readonly peer: string;
  private readonly trusted: boolean;
  private readonly forwarded: string;
  private readonly forwardedSuffix: string;
  private readonly forwarder: Forwarder;
  private readonly denial: Denial;
  /** Bytes that belong to no exchange yet: part of a head, or pipelined requests. */
  private input: Buffer | null = null;
  private requests = 0;
  private parsing = false;
  private clientEnded = false;
  private lingering = false;
  private handedOver = false;
  private draining = false;
  private seenVerdict: Verdict | null = null;
  private seenAt = 0;
  private lingerBytes = 0;
  // The last device on this connection, with its count: one connection is one phone, unless a proxy shares it.
  private lastAddress = '';
  private lastUser: UserKey | null = null;
  private lastDevice: DeviceKey | null = null;
  private lastUse: DeviceUse | null = null;
  // Since when the rate of the body is measured, and how much it had then.
  private rateSince = 0;
  private rateFrom = 0;

  constructor(socket: Socket, core: GatewayCore, endpoint: PhoneEndpoint) {
    this.socket = socket;
    this.core = core;
    this.endpoint = endpoint;
    this.peer = endpoint.address;
    this.address = endpoint.address;
    this.port = endpoint.port;
    this.certificateUser = endpoint.certificateUser;
    this.trusted = core.isTrustedProxy(this.peer);
    this.forwardedSuffix = core.forwardedSuffix(endpoint);
    this.forwarded = `X-Forwarded-For: ${this.peer}\r\n${this.forwardedSuffix}`;
    this.forwarder = new Forwarder(this);
    this.denial = new Denial(this);
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

  get boundUser(): UserKey | null {
    return this.forwarder.boundUser;
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
      if (this.socket.writableLength === 0) this.socket.destroy();
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
      if (this.socket.writableLength > 0) this.cut();
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
        if (this.draining) this.endHeldPoll(exchange);
        else this.denial.expire(exchange);
        break;
      case 'forwarded':
        if (!(exchange.upstream?.connected ?? true)) {
          this.forwarder.connectTimedOut(exchange);
        } else if (!exchange.requestComplete) {
          // A server that takes nothing is not the phone's fault.
          if (this.socket.isPaused()) this.fail(exchange, 'EASGATE_UPSTREAM_STALLED');
          else this.refuse('EASGATE_BODY_TIMEOUT');
        } else if (exchange.held && (this.draining || this.isExpired(exchange))) {
          this.endHeldPoll(exchange);
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

  // ---------------------------------------------------------------------------------------------- reading requests

  /** Parses requests as long as there are bytes and nothing is under way. */
  private readRequests(): void {
    if (this.parsing) return;
    this.parsing = true;
    while (this.input !== null && this.exchange === null && !this.lingering && !this.handedOver) {
      if (this.socket.writableNeedDrain) {
        // Who takes no answers gets no more of them: what waits in the socket stays bounded.
        this.socket.pause();
        this.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
        break;
      }
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
      else if (this.core.lane?.wants(head.target) ?? false) this.handOver(bytes);
      else this.begin(head, bytes);
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
    const proto = this.endpoint.secure ? 'https' : 'http';
    this.core.lane?.accept(socket, bytes, { address: this.peer, proto });
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
    if (this.trusted) this.noteAddress(head.forwardedFor);
    const bad = admit(this.core.settings, this, exchange, head);
    if (bad !== null) {
      this.refuse(bad);
      return;
    }
    const { command } = exchange;
    const mail = command !== null && carriesMail(command);
    if (!this.body.limit(mail ? client.maxBodyBytes : client.maxCommandBodyBytes)) {
      this.refuse('EASGATE_BODY_TOO_LARGE');
      return;
    }
    const wait = this.countUse(exchange);
    if (wait !== null) {
      // A new connection costs a phone more than this request, so a body that is at hand is read past.
      const at = this.body.keep(bytes, head.end);
      if (at < bytes.length) this.input = bytes.subarray(at);
      this.fail(exchange, wait);
      return;
    }
    const { now } = this.core.deadlines;
    this.deadline = now + client.bodyTimeoutMs;
    this.rateSince = now;
    this.rateFrom = 0;
    this.keepBody(exchange, bytes, head.end);
  }

  /** A trusted proxy may send several clients' requests on one connection: what is known of one is not the next one's. */
  private noteAddress(forwardedFor: string | null): void {
    const address =
      forwardedFor === null ? this.peer : clientAddress(this.peer, forwardedFor, this.core.trustedProxies);
    if (address === this.address) return;
    this.address = address;
    this.lastUse = null;
    this.forwarder.unpin();
  }

  /** Counts the request with its device; returns why the device must wait, or null. */
  private countUse(exchange: Exchange): HttpErrorCode | null {
    const { user, device, command } = exchange;
    if (user === null || device === null || command === null) return null;
    const { guard, settings, deadlines } = this.core;
    if (
      this.lastUse === null ||
      device !== this.lastDevice ||
      user !== this.lastUser ||
      this.address !== this.lastAddress
    ) {
      this.lastAddress = this.address;
      this.lastUser = user;
      this.lastDevice = device;
      this.lastUse = guard.useOf(this.address, user, device);
      this.seenVerdict = null;
    }
    const use = this.lastUse;
    const { maxInFlightPerDevice } = settings.client;
    if (maxInFlightPerDevice > 0 && use.inFlight >= maxInFlightPerDevice) return 'EASGATE_DEVICE_BUSY';
    const wait = guard.admit(use, command, deadlines.now);
    if (wait > 0) {
      exchange.retryAfterSeconds = Math.ceil(wait / 1000);
      return 'EASGATE_DEVICE_THROTTLED';
    }
    exchange.use = use;
    use.inFlight++;
    return null;
  }

  /** Hands on body bytes that come after the head was forwarded. */
  private streamBody(exchange: Exchange, bytes: Buffer): void {
    const at = this.forwarder.streamBody(exchange, bytes);
    if (this.exchange !== exchange) return;
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (!this.body.complete && this.isTooSlow()) this.refuse('EASGATE_BODY_TIMEOUT');
  }

  /** Whether the body came slower than allowed since it was last looked at (http-proxy facts, 1.1). */
  private isTooSlow(): boolean {
    const elapsed = this.core.deadlines.now - this.rateSince;
    if (elapsed < this.core.settings.client.rateWindowMs) return false;
    const slow =
      (this.body.received - this.rateFrom) / (elapsed / 1000) < this.core.settings.client.minBodyRate;
    this.rateSince = this.core.deadlines.now;
    this.rateFrom = this.body.received;
    return slow;
  }

  /** The mail server takes bytes again: the time it did not is not the phone's. */
  resumeBody(): void {
    this.rateSince = this.core.deadlines.now;
    this.rateFrom = this.body.received;
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
      this.advance(exchange);
    } else if (this.body.received > BUFFERED_BODY_BYTES) {
      this.socket.pause();
    }
  }

  /** What the mail server learns of this connection. Client-sent claims count only from trusted proxies. */
  forwardedLines(head: RequestHead): string {
    if (head.forwardedFor !== null && this.trusted) {
      return `X-Forwarded-For: ${head.forwardedFor}, ${this.peer}\r\n${this.forwardedSuffix}`;
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
      this.denial.answer(exchange);
      return;
    }
    if (!exchange.challengeOnly) this.inviteBody(exchange);
    if (!exchange.bodyChecked && !this.checkBody(exchange)) return;
    if (exchange.challengeOnly) {
      this.forwarder.forwardChallenge(exchange);
      return;
    }
    if (!this.body.complete && this.body.received <= BUFFERED_BODY_BYTES && isReadWhole(exchange)) return;
    if (this.denial.leave(exchange)) return;
    this.pass(exchange);
  }

  inviteBody(exchange: Exchange): void {
    if (!exchange.expectContinue || exchange.continued || this.body.complete) return;
    exchange.continued = true;
    this.socket.write(CONTINUE, 'latin1');
  }

  pass(exchange: Exchange): void {
    if (this.forwarder.measureHeartbeat(exchange) && !this.hold(exchange)) return;
    this.forwarder.forward(exchange);
  }

  challenge(exchange: Exchange): void {
    exchange.challengeOnly = true;
    askForChallenge(exchange, this.core.settings.upstream.path);
    this.forwarder.forwardChallenge(exchange);
  }

  /** A poll is about to be held; false when it was answered instead. */
  hold(exchange: Exchange): boolean {
    const { user, device, authorization, command } = exchange;
    if (this.core.draining) {
      this.endHeldPoll(exchange);
      return false;
    }
    if (this.core.overloaded) {
      this.fail(exchange, 'EASGATE_OVERLOADED');
      return false;
    }
    // The newest Ping of a device counts: an older one hangs on a connection the phone has left behind.
    if (command === 'Ping' && user !== null && device !== null && authorization !== null)
      exchange.pingTicket = this.core.guard.registerPing(user, device, authorization, this);
    return true;
  }

  /** A newer Ping took the place of the one held here. */
  supersede(): void {
    const exchange = this.exchange;
    if (exchange === null || !exchange.held || exchange.phase === 'responding') return;
    exchange.error = 'EASGATE_SUPERSEDED';
    this.endHeldPoll(exchange);
  }

  /** Whether what allowed the exchange holds no longer. */
  private isExpired({ verdict }: Exchange): boolean {
    return verdict !== null && verdict.validUntil <= this.core.deadlines.now;
  }

  /** Ends a held poll as if its heartbeat had passed. */
  private endHeldPoll(exchange: Exchange): void {
    const body = drainReply(exchange);
    if (body !== null) this.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
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
    let verdict: Verdict | null = null;
    for (let attempt = 1; attempt <= MAX_DECISIONS; attempt++) {
      exchange.overtaken = false;
      verdict = await this.core.decide(exchange);
      // The client may have left meanwhile.
      if (this.exchange !== exchange || exchange.phase !== 'verdict') return;
      if (!exchange.overtaken) break;
      verdict = null;
    }
    exchange.phase = 'gate';
    if (verdict === null) {
      this.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    exchange.verdict = verdict;
    this.socket.resume();
    this.advance(exchange);
  }

  // ---------------------------------------------------------------------------------------------- the end of an exchange

  /**
   * Makes the partnership known once the mail server took the credentials, which its `status` shows. One connection is one
   * phone, so it is said once in a while.
   */
  noteSeen(exchange: Exchange, status: number): void {
    const { now } = this.core.deadlines;
    const { device, verdict } = exchange;
    if (device === null || verdict === null) return;
    // Another device or user clears seenVerdict (countUse).
    if (verdict === this.seenVerdict && now - this.seenAt < SEEN_AGAIN_MS) return;
    if (!this.core.recordSeen(exchange, status)) return;
    this.seenVerdict = verdict;
    this.seenAt = now;
  }

  /** Writes a whole local response and ends the exchange. */
  reply(exchange: Exchange, data: string, status: number): void {
    this.forwarder.abandon(exchange);
    this.socket.write(data, 'latin1');
    this.end(exchange, status);
  }

  end(exchange: Exchange, status: number): void {
    this.exchange = null;
    this.body.release();
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
    if (exchange.use !== null) exchange.use.inFlight--;
    if (exchange.pingTicket !== null) this.core.guard.forgetPing(exchange.pingTicket, this);
    this.core.onFinished(exchange, this);
  }

  /** Closes our side and reads on for a moment, so that the last reply is not lost to a reset (RFC 9112 9.6). */
  private linger(): void {
    this.lingering = true;
    this.input = null;
    const { deadlines, settings } = this.core;
    if (this.socket.writableLength === 0) {
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

  /** Whether a change of these devices or users concerns the exchange under way. */
  concerns(devices: ReadonlySet<string>, users: ReadonlySet<string>): boolean {
    const exchange = this.exchange;
    if (exchange === null || exchange.device === null || exchange.user === null) return false;
    return devices.has(exchange.device) || users.has(exchange.user);
  }

  /**
   * A change concerns the exchange under way: nothing of it goes on under the verdict it has. Returns whether
   * {@link recheck} must follow; before that point the verdict is looked up anyway.
   */
  onChange(): boolean {
    const exchange = this.exchange;
    if (exchange === null || exchange.user === null || exchange.device === null) return false;
    switch (exchange.phase) {
      case 'gate':
        exchange.verdict = null;
        return false;
      case 'verdict':
        exchange.overtaken = true;
        return false;
      case 'queued':
        this.forwarder.leaveQueue(exchange);
        return true;
      default:
        return true;
    }
  }

  /** Decides the exchange under way anew; ends it when it may not go on. False when the directory does not answer. */
  async recheck(): Promise<boolean> {
    const exchange = this.exchange;
    if (exchange === null || exchange.user === null || exchange.device === null) return true;
    const { user, device } = exchange;
    const verdict = this.core.verdicts.peek(user, device) ?? (await this.core.decide(exchange));
    if (this.exchange !== exchange) return true;
    if (verdict === null) return false;
    if (verdict.action === 'allow') {
      if (exchange.phase === 'held') {
        exchange.error = 'EASGATE_DECISION_CHANGED';
        this.release(exchange);
      }
      if (exchange.phase === 'queued') this.forwarder.onConnectionFree();
      return true;
    }
    if (verdict.action === 'quarantine' && exchange.passedOn) return true;
    exchange.verdict = verdict;
    if (exchange.phase === 'held' && verdict.action === 'quarantine') {
      this.denial.renew(exchange, verdict);
      return true;
    }
    exchange.error = 'EASGATE_DECISION_CHANGED';
    if (exchange.phase === 'responding') {
      this.cut();
      return true;
    }
    // What is still to come of the body must not be read as the next request.
    if (!this.body.complete) exchange.persistent = false;
    this.release(exchange);
    return true;
  }

  /**
   * Sends a phone on its way anew: a held poll ends with "start over", which its folders tell it then. Anything else is
   * told to come again at once; who asks is known to the mail server only, and its answer is not waited for.
   */
  private release(exchange: Exchange): void {
    const body = exchange.held ? releaseReply(exchange) : null;
    if (body !== null) {
      this.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
      return;
    }
    const data = statusReply(503, exchange.persistent, 'Retry-After: 1\r\n');
    this.reply(exchange, data, 503);
  }

  /**
   * The gateway stops: transfers finish, a held poll ends with a valid reply at `pollsUntil`. An idle connection closes
   * only then too: a request may be on its way, which is still served.
   */
  drain(pollsUntil: number): void {
    const { exchange } = this;
    this.draining = true;
    if (exchange === null && this.socket.writableLength > 0) {
      if (!this.lingering) this.linger();
      return;
    }
    if (exchange !== null) {
      exchange.persistent = false;
      if (this.holdsPoll) exchange.responseDeadline = Math.min(exchange.responseDeadline, pollsUntil);
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
