// Owns reading requests off a client connection: bytes that belong to none yet, heads, pipelined requests one after the
// other, and bodies, which are kept until the request is forwarded. Hot path.
import { monotonicNow } from '../../clock.ts';
import { parseDiscoveryTarget } from '../../eas/autodiscover/target.ts';
import { carriesMail } from '../../eas/commands.ts';
import { parseRequestHead } from '../../http/request-head.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { admit, admitDiscovery } from '../access/gate.ts';
import type { RequestOrigin } from '../access/gate.ts';
import { BodyRate } from './body-rate.ts';
import type { Decision } from '../access/decision.ts';
import { needsDrain } from '../io/direct-writes.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { PhoneAccount } from './accounting.ts';
import type { PhoneSide } from './downstream.ts';
import { BUFFERED_BODY_BYTES, LINGER_BYTES, MAX_DISCOVERY_BYTES, MAX_PIPELINED_BYTES } from '../settings.ts';
import type { SharedReader } from '../io/shared-reads.ts';
import { streamBody } from '../forward/upstream-request.ts';

/** The client connection, as the reader of its requests needs it. */
export interface ReadPhone extends PhoneSide, RequestOrigin {
  exchange: Exchange | null;
  readonly decision: Decision;
  readonly account: PhoneAccount;
  /** Our side is closed: what still comes is no request. */
  readonly lingering: boolean;
  /** Learns whose request this is. */
  noteOrigin(head: RequestHead): void;
  /** Gives the connection, with the request that `bytes` begin, to the pass-through lane. */
  handOver(bytes: Buffer): void;
}

/** Reads the requests of one client connection. */
export class RequestReader implements SharedReader {
  private readonly phone: ReadPhone;
  private readonly rate = new BodyRate();
  /** Bytes that belong to no exchange yet: part of a head, or pipelined requests. */
  private input: Buffer | null = null;
  private requests = 0;
  private parsing = false;
  private handedOver = false;
  private lingerBytes = 0;

  constructor(phone: ReadPhone) {
    this.phone = phone;
  }

  /** Part of a request, or more than one, came that nothing was done with. */
  get hasInput(): boolean {
    return this.input !== null;
  }

  /** What came and belongs to no exchange never will. */
  discard(): void {
    this.input = null;
  }

  onData(chunk: Buffer): void {
    const { phone } = this;
    if (phone.lingering) {
      this.lingerBytes += chunk.length;
      if (this.lingerBytes > LINGER_BYTES) phone.socket.destroy();
      return;
    }
    const exchange = phone.exchange;
    if (exchange === null) {
      this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
      this.readRequests();
    } else if (phone.body.complete) {
      this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
      if (this.input.length <= MAX_PIPELINED_BYTES) return;
      // A socket that is not read does not tell that its phone left: a held poll would stay for its whole heartbeat.
      if (exchange.held) phone.cut();
      else phone.socket.pause();
    } else if (exchange.phase === 'gate' || exchange.phase === 'verdict') {
      this.keepBody(exchange, chunk, 0);
    } else if (exchange.phase === 'queued') {
      phone.refuse('EASGATE_UPSTREAM_BUSY');
    } else {
      this.streamBody(exchange, chunk);
    }
  }

  /** What outlives the call is copied; a request that is read whole and forwarded at once leaves nothing. */
  onSharedBytes(bytes: Buffer): boolean {
    this.onData(bytes);
    const { input } = this;
    const { body, socket } = this.phone;
    if (input !== null && input.buffer === bytes.buffer) this.input = Buffer.from(input);
    if (body.kept !== null && body.kept.buffer === bytes.buffer) body.kept = Buffer.from(body.kept);
    return !socket.isPaused();
  }

  /** Parses requests as long as there are bytes and nothing is under way. */
  readRequests(): void {
    if (this.parsing) return;
    this.parsing = true;
    const { phone } = this;
    const { core } = phone;
    const { client } = core.settings;
    while (this.input !== null && phone.exchange === null && !phone.lingering && !this.handedOver) {
      if (needsDrain(phone.socket)) {
        // Who takes no answers gets no more of them: what waits in the socket stays bounded.
        phone.socket.pause();
        phone.deadline = core.deadlines.now + client.bodyTimeoutMs;
        break;
      }
      const bytes: Buffer = this.input;
      const known = phone.memo.sameHead(bytes);
      const head = known ?? parseRequestHead(bytes, 0, bytes.length, client);
      if (head === null) {
        if (phone.deadline - core.deadlines.now > client.headTimeoutMs)
          phone.deadline = core.deadlines.now + client.headTimeoutMs;
        break;
      }
      this.input = null;
      if (typeof head === 'string') {
        phone.refuse(head);
      } else if (core.lane?.wants(head.target) ?? false) {
        this.handedOver = true;
        phone.handOver(bytes);
      } else {
        if (known === null) phone.memo.noteHead(head, bytes);
        this.begin(head, bytes);
      }
    }
    this.parsing = false;
  }

  private begin(head: RequestHead, bytes: Buffer): void {
    const { phone } = this;
    const { core, body } = phone;
    const { settings } = core;
    const { client } = settings;
    const exchange = new Exchange(monotonicNow());
    phone.exchange = exchange;
    this.requests++;
    exchange.method = head.method;
    exchange.minor = head.minor;
    exchange.framing = head.framing;
    exchange.contentLength = head.contentLength;
    exchange.expectContinue = head.expectContinue;
    exchange.persistent =
      head.keepAlive &&
      !core.draining &&
      (client.maxRequestsPerConnection === 0 || this.requests < client.maxRequestsPerConnection);
    body.begin(head.framing, head.contentLength, client.maxBodyBytes);
    phone.noteOrigin(head);
    const discovery = core.discovery === null ? null : parseDiscoveryTarget(head.method, head.target);
    const bad =
      discovery === null
        ? admit(settings, phone, exchange, head)
        : admitDiscovery(settings, phone, exchange, head, discovery);
    if (bad !== null) {
      phone.refuse(bad);
      return;
    }
    const { command } = exchange;
    const mail = command !== null && carriesMail(command);
    const small = discovery === null ? client.maxCommandBodyBytes : MAX_DISCOVERY_BYTES;
    // Of a stranger no more of a body is read than the answer needs.
    if (!exchange.challengeOnly && !body.limit(mail ? client.maxBodyBytes : small)) {
      phone.refuse('EASGATE_BODY_TOO_LARGE');
      return;
    }
    const wait = phone.account.count(exchange, phone.address);
    if (wait !== null) {
      // A new connection costs a phone more than this request, so a body that is at hand is read past.
      const at = body.keep(bytes, head.end);
      if (at < bytes.length) this.input = bytes.subarray(at);
      phone.fail(exchange, wait);
      return;
    }
    const { now } = core.deadlines;
    phone.deadline = now + client.bodyTimeoutMs;
    this.rate.restart(now, 0);
    this.keepBody(exchange, bytes, head.end);
  }

  /** Takes body bytes before the request was forwarded, then sees how far the exchange can go. */
  private keepBody(exchange: Exchange, bytes: Buffer, from: number): void {
    const { phone } = this;
    const { core, body } = phone;
    const at = body.keep(bytes, from);
    exchange.bytesIn = body.received;
    if (body.error !== null) {
      phone.refuse(body.error);
      return;
    }
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (exchange.phase === 'gate') {
      if (!body.complete && this.isTooSlow()) {
        phone.refuse('EASGATE_BODY_TIMEOUT');
        return;
      }
      phone.deadline = core.deadlines.now + core.settings.client.bodyTimeoutMs;
      phone.decision.advance(exchange);
    } else if (body.received > BUFFERED_BODY_BYTES) {
      phone.socket.pause();
    }
  }

  /** Hands on body bytes that come after the head was forwarded. */
  private streamBody(exchange: Exchange, bytes: Buffer): void {
    const { phone } = this;
    const at = streamBody(phone, exchange, bytes);
    if (phone.exchange !== exchange) return;
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (!phone.body.complete && this.isTooSlow()) phone.refuse('EASGATE_BODY_TIMEOUT');
  }

  /** The mail server takes bytes again: the time it did not is not the phone's. */
  resumeBody(): void {
    const { core, body, socket } = this.phone;
    this.rate.restart(core.deadlines.now, body.received);
    socket.resume();
  }

  private isTooSlow(): boolean {
    const { core, body } = this.phone;
    const { rateWindowMs, minBodyRate } = core.settings.client;
    return this.rate.isTooSlow(core.deadlines.now, body.received, rateWindowMs, minBodyRate);
  }
}
