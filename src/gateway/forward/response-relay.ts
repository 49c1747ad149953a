// Owns relaying a response from the mail server to the phone: the head is rewritten, the body copied exactly, at the
// phone's speed.
import { ChunkScanner } from '../../http/chunked.ts';
import { parseResponseHead } from '../../http/response-head.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { writeCopy } from '../io/buffer-pool.ts';
import { writeText } from '../io/direct-writes.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from '../connection/downstream.ts';
import { MAX_RESPONSE_HEAD_BYTES } from '../fixed-limits.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** The owner of the response: decides on its head. */
export interface ResponseOwner {
  /** The final head arrived; returns whether the client connection stays open, or null to refuse the response. */
  onResponseHead(exchange: Exchange, head: ResponseHead): boolean | null;
}

/** The result of processing upstream bytes. */
type RelayResult =
  | 'more'
  /** the response was sent completely */
  | 'complete'
  /** the phone is slower than the server */
  | 'stalled'
  | HttpErrorCode;

const MAX_TRAILER_BYTES = 8192;
const MAX_INFORMATIONAL = 16;
/** Below this size, head and body are sent as one latin1 string in one write. */
const SMALL_BODY = 4096;

/** Relays the response of one exchange at a time. */
export class ResponseRelay {
  /** Bytes followed the end of the response: the connection must not be reused. */
  excess = false;
  private readonly downstream: Downstream;
  private readonly owner: ResponseOwner;
  private scanner: ChunkScanner | null = null;
  private chunkedToClient = false;
  /** An interim response of the exchange had `Connection: close`. */
  private closing = false;
  private stalledSince = 0;
  private stalledMs = 0;

  constructor(downstream: Downstream, owner: ResponseOwner) {
    this.downstream = downstream;
    this.owner = owner;
  }

  /**
   * Processes `bytes[0..limit)`, which are valid during the call only. Returns whether the exchange is over: the
   * response was sent completely, or {@link ResponseOwner} refused it.
   */
  take(exchange: Exchange, bytes: Buffer, limit: number): boolean {
    const result = this.feed(exchange, bytes, limit);
    const { downstream } = this;
    const { deadlines } = downstream.core;
    const server = exchange.server as UpstreamServer;
    switch (result) {
      case 'more':
        if (exchange.phase === 'responding') downstream.timeouts.awaitMore(server.settings.idleTimeoutMs);
        return false;
      case 'stalled':
        // The server is paused until onPhoneDrain().
        exchange.upstream?.pause();
        this.stalledSince = deadlines.now;
        downstream.timeouts.awaitPhone();
        return false;
      case 'complete':
        return true;
      default:
        server.failed(result);
        downstream.fail(exchange, result);
        return false;
    }
  }

  private feed(exchange: Exchange, bytes: Buffer, limit: number): RelayResult {
    if (exchange.phase === 'responding') return this.body(exchange, bytes, 0, limit, '');
    let input = bytes;
    let end = limit;
    if (exchange.responseHeadPending !== null) {
      input = Buffer.concat([exchange.responseHeadPending, bytes.subarray(0, limit)]);
      end = input.length;
    }
    return this.head(exchange, input, end);
  }

  /** The server closed: returns true when that is the regular end of the response. */
  endsAtClose(exchange: Exchange): boolean {
    return exchange.phase === 'responding' && exchange.responseFraming === 'close';
  }

  /** The phone read the pending data; returns whether it is fast enough. */
  onPhoneDrain(exchange: Exchange): boolean {
    const { deadlines, settings } = this.downstream.core;
    const { minReadRate, rateWindowMs } = settings.client;
    const { now } = deadlines;
    if (this.stalledSince !== 0) this.stalledMs += now - this.stalledSince;
    this.stalledSince = 0;
    if (minReadRate > 0 && this.stalledMs > rateWindowMs) {
      if (exchange.bytesOut / (this.stalledMs / 1000) < minReadRate) return false;
    }
    this.downstream.timeouts.awaitMore((exchange.server as UpstreamServer).settings.idleTimeoutMs);
    exchange.upstream?.resume();
    return true;
  }

  private head(exchange: Exchange, bytes: Buffer, limit: number): RelayResult {
    let at = 0;
    for (;;) {
      const head = parseResponseHead(bytes, at, limit, MAX_RESPONSE_HEAD_BYTES);
      if (head === null) {
        exchange.responseHeadPending = Buffer.from(bytes.subarray(at, limit));
        return 'more';
      }
      // 101 answers an Upgrade, which is never sent.
      if (head === 'invalid' || head.status === 101) return 'EASGATE_UPSTREAM_INVALID';
      at = head.end;
      if (head.status >= 200) {
        exchange.responseHeadPending = null;
        if (exchange.informational > 0 && this.closing) head.keepAlive = false;
        return this.begin(exchange, head, bytes, at, limit);
      }
      if (++exchange.informational > MAX_INFORMATIONAL) return 'EASGATE_UPSTREAM_INVALID';
      // The connection ends after the final response (RFC 9112 9.6), which still follows (RFC 9110 15.2).
      this.closing = (exchange.informational > 1 && this.closing) || !head.keepAlive;
      // The gateway answers Expect itself; HTTP/1.0 has no 1xx (RFC 9110 15.2); an unauthenticated client gets the
      // challenge only.
      if (head.status !== 100 && exchange.minor === 1 && !exchange.challengeOnly)
        writeText(this.downstream.socket, head.statusLine + head.headerLines + '\r\n');
    }
  }

  private begin(
    exchange: Exchange,
    head: ResponseHead,
    bytes: Buffer,
    at: number,
    limit: number,
  ): RelayResult {
    this.stalledMs = 0;
    const keepAlive = this.owner.onResponseHead(exchange, head);
    if (keepAlive === null) return 'complete';
    if (!this.downstream.enter(exchange, 'responding')) return 'more';
    exchange.status = head.status;
    exchange.responseFraming = head.framing;
    exchange.responseRemaining = head.framing === 'length' ? head.contentLength : 0;
    let framing = '';
    this.chunkedToClient = head.framing === 'chunked' && exchange.minor === 1;
    if (head.framing === 'chunked') {
      this.scanner ??= new ChunkScanner(MAX_TRAILER_BYTES, 'skip');
      this.scanner.reset();
      if (this.chunkedToClient) framing = 'Transfer-Encoding: chunked\r\n';
    } else if (head.contentLength >= 0 && head.status !== 204) {
      framing = 'Content-Length: ' + head.contentLength + '\r\n';
    }
    const text =
      head.statusLine + head.headerLines + framing + (keepAlive ? '\r\n' : 'Connection: close\r\n\r\n');
    return this.body(exchange, bytes, at, limit, text);
  }

  /** Copies body bytes; `head` is sent before them. */
  private body(exchange: Exchange, bytes: Buffer, from: number, limit: number, head: string): RelayResult {
    if (exchange.responseFraming === 'chunked') return this.chunks(exchange, bytes, from, limit, head);
    let end = limit;
    let complete = false;
    if (exchange.responseFraming === 'length') {
      end = Math.min(limit, from + exchange.responseRemaining);
      exchange.responseRemaining -= end - from;
      complete = exchange.responseRemaining === 0;
    } else if (exchange.responseFraming === 'none') {
      end = from;
      complete = true;
    }
    exchange.bytesOut += end - from;
    const drained = this.send(head, bytes, from, end);
    if (complete) {
      this.excess = end < limit;
      return 'complete';
    }
    return drained ? 'more' : 'stalled';
  }

  private chunks(exchange: Exchange, bytes: Buffer, from: number, limit: number, head: string): RelayResult {
    const scanner = this.scanner as ChunkScanner;
    let at = from;
    let before = head;
    let drained = true;
    for (;;) {
      const step = scanner.step(bytes, at, limit);
      at = scanner.next;
      switch (step) {
        case 'data': {
          const size = scanner.payloadEnd - scanner.payloadStart;
          exchange.bytesOut += size;
          if (this.chunkedToClient) before += size.toString(16) + '\r\n';
          drained = this.send(before, bytes, scanner.payloadStart, scanner.payloadEnd) && drained;
          before = this.chunkedToClient ? '\r\n' : '';
          break;
        }
        case 'end':
          if (this.chunkedToClient) before += '0\r\n' + scanner.trailers + '\r\n';
          if (before !== '') writeText(this.downstream.socket, before);
          this.excess = at < limit;
          return 'complete';
        case 'more':
          if (before !== '') drained = writeText(this.downstream.socket, before) && drained;
          return drained ? 'more' : 'stalled';
        default:
          return 'EASGATE_UPSTREAM_INVALID';
      }
    }
  }

  private send(head: string, bytes: Buffer, from: number, end: number): boolean {
    const size = end - from;
    if (size === 0) return head === '' ? true : writeText(this.downstream.socket, head);
    if (size <= SMALL_BODY)
      return writeText(this.downstream.socket, head + bytes.toString('latin1', from, end));
    return writeCopy(this.downstream.socket, head, bytes, from, end);
  }
}
