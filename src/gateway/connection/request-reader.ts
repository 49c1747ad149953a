// Owns reading requests from a client connection: unparsed bytes, heads, pipelined requests in order, and bodies, which
// are buffered until the request is forwarded. Hot path.
import { monotonicNow } from '../../clock.ts';
import { parseAutodiscoverTarget } from '../../eas/autodiscover/target.ts';
import { carriesMail } from '../../eas/commands.ts';
import { isEmptyLine, parseRequestHead } from '../../http/request-head.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { admit, admitAutodiscover } from '../access/gate.ts';
import type { GateConnection } from '../access/gate.ts';
import { BodyRate } from './body-rate.ts';
import type { Downstream } from './downstream.ts';
import type { Driver } from './driver.ts';
import { needsDrain } from '../io/direct-writes.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { Accounting } from './accounting.ts';
import {
  BUFFERED_BODY_BYTES,
  LINGER_BYTES,
  MAX_AUTODISCOVER_BYTES,
  MAX_PIPELINED_BYTES,
} from '../fixed-limits.ts';
import type { SharedReader } from '../io/shared-reads.ts';
import { streamBody } from '../forward/upstream-request.ts';

/** The parts of the client connection that only its reader uses. */
export interface RequestSource extends Downstream, GateConnection {
  readonly driver: Driver;
  readonly accounting: Accounting;
  /** The write side is closed: further bytes are not requests. */
  readonly lingering: boolean;
  /** A request begins. */
  begin(exchange: Exchange): void;
  /** Determines the client of this request. */
  noteOrigin(head: RequestHead): void;
  /** Hands the connection to the pass-through lane, together with the request in `bytes`. */
  handOver(bytes: Buffer): void;
}

/** Reads the requests of one client connection. */
export class RequestReader implements SharedReader {
  private readonly source: RequestSource;
  /** Null = not measured: most bodies come together with their heads. */
  private rate: BodyRate | null = null;
  /** Unparsed bytes: a partial head, or pipelined requests. */
  private input: Buffer | null = null;
  private requests = 0;
  private parsing = false;
  private handedOver = false;
  private lingerBytes = 0;

  constructor(source: RequestSource) {
    this.source = source;
  }

  /** Unparsed bytes are buffered. */
  get hasInput(): boolean {
    return this.input !== null;
  }

  /** Drops buffered bytes that no exchange claimed. */
  discard(): void {
    this.input = null;
  }

  onData(chunk: Buffer): void {
    const { source } = this;
    if (source.lingering) {
      this.lingerBytes += chunk.length;
      if (this.lingerBytes > LINGER_BYTES) source.socket.destroy();
      return;
    }
    const exchange = source.exchange;
    if (exchange === null) {
      this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
      this.readRequests();
    } else if (source.body.complete) {
      this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
      if (this.input.length <= MAX_PIPELINED_BYTES) return;
      // A paused socket does not report that its phone left: a held poll would stay for its whole heartbeat.
      if (exchange.held) source.cut();
      else source.socket.pause();
    } else if (exchange.phase === 'reading' || exchange.phase === 'asking') {
      this.keepBody(exchange, chunk, 0);
    } else if (exchange.phase === 'queued') {
      source.refuse('EASGATE_UPSTREAM_BUSY');
    } else {
      this.streamBody(exchange, chunk);
    }
  }

  /** The connection is back from the pass-through lane. */
  takeBack(bytes: Buffer): void {
    this.handedOver = false;
    this.onData(bytes);
  }

  /** Copies what outlives the call; a complete request that is forwarded at once needs no copy. */
  onSharedBytes(bytes: Buffer): boolean {
    this.onData(bytes);
    const { input } = this;
    const { body, socket } = this.source;
    if (input !== null && input.buffer === bytes.buffer) this.input = Buffer.from(input);
    if (body.kept !== null && body.kept.buffer === bytes.buffer) body.kept = Buffer.from(body.kept);
    return !socket.isPaused();
  }

  /** Parses requests while there are bytes and no exchange is in progress. */
  readRequests(): void {
    if (this.parsing) return;
    this.parsing = true;
    const { source } = this;
    const { core } = source;
    const { client } = core.settings;
    while (this.input !== null && source.exchange === null && !source.lingering && !this.handedOver) {
      if (needsDrain(source.socket)) {
        // A client that does not read its responses gets no more of them: the socket's buffer stays bounded.
        source.socket.pause();
        source.timeouts.awaitPhone();
        break;
      }
      const bytes: Buffer = this.input;
      const known = source.memo.sameHead(bytes);
      const head = known ?? parseRequestHead(bytes, 0, bytes.length, client);
      if (head === null) {
        if (!isEmptyLine(bytes)) source.timeouts.awaitHead();
        else if (bytes.length === 2) this.input = null;
        break;
      }
      this.input = null;
      if (typeof head === 'string') {
        source.refuse(head);
      } else if (head.target !== source.memo.target && (core.lane?.wants(head.target) ?? false)) {
        this.handedOver = true;
        source.handOver(bytes);
      } else {
        if (known === null) source.memo.noteHead(head, bytes);
        this.begin(head, bytes);
      }
    }
    this.parsing = false;
  }

  private begin(head: RequestHead, bytes: Buffer): void {
    const { source } = this;
    const { core, body } = source;
    const { settings } = core;
    const { client } = settings;
    const exchange = new Exchange(monotonicNow());
    source.begin(exchange);
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
    source.noteOrigin(head);
    const autodiscover =
      core.autodiscover === null ? null : parseAutodiscoverTarget(head.method, head.target);
    const bad =
      autodiscover === null
        ? admit(settings, source, exchange, head)
        : admitAutodiscover(settings, source, exchange, head, autodiscover);
    if (bad !== null) {
      source.refuse(bad);
      return;
    }
    const { command } = exchange;
    const mail = command !== null && carriesMail(command);
    const small = autodiscover === null ? client.maxCommandBodyBytes : MAX_AUTODISCOVER_BYTES;
    // An unauthenticated request's body is read only as far as the answer requires.
    if (!exchange.challengeOnly && !body.limit(mail ? client.maxBodyBytes : small)) {
      source.refuse('EASGATE_BODY_TOO_LARGE');
      return;
    }
    const wait = source.accounting.count(exchange, source.address);
    if (wait !== null) {
      // A new connection costs the phone more than reading an available body.
      const at = body.keep(bytes, head.end);
      if (at < bytes.length) this.input = bytes.subarray(at);
      source.fail(exchange, wait);
      return;
    }
    source.timeouts.awaitPhone();
    this.rate = null;
    this.keepBody(exchange, bytes, head.end);
  }

  /** Buffers body bytes before forwarding, then lets the exchange proceed. */
  private keepBody(exchange: Exchange, bytes: Buffer, from: number): void {
    const { source } = this;
    const { body } = source;
    const at = body.keep(bytes, from);
    exchange.bytesIn = body.received;
    if (body.error !== null) {
      source.refuse(body.error);
      return;
    }
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (exchange.phase === 'reading') {
      if (!body.complete && this.isTooSlow()) {
        source.refuse('EASGATE_BODY_TIMEOUT');
        return;
      }
      source.timeouts.awaitPhone();
      source.driver.advance(exchange);
    } else if (body.received > BUFFERED_BODY_BYTES) {
      source.socket.pause();
    }
  }

  /** Streams body bytes after the head was forwarded. */
  private streamBody(exchange: Exchange, bytes: Buffer): void {
    const { source } = this;
    const at = streamBody(source, exchange, bytes);
    if (source.exchange !== exchange) return;
    if (at < bytes.length) this.input = bytes.subarray(at);
    if (!source.body.complete && this.isTooSlow()) source.refuse('EASGATE_BODY_TIMEOUT');
  }

  /** The mail server accepts data again: the pause does not count as the phone's. */
  resumeBody(): void {
    const { core, body, socket } = this.source;
    this.rate?.restart(core.deadlines.now, body.received);
    socket.resume();
  }

  private isTooSlow(): boolean {
    const { core, body } = this.source;
    const { rateWindowMs, minBodyRate } = core.settings.client;
    const { now } = core.deadlines;
    this.rate ??= new BodyRate(now);
    return this.rate.isTooSlow(now, body.received, rateWindowMs, minBodyRate);
  }
}
