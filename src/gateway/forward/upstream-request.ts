// Owns writing a request to the mail server: head, framing, and body.
import type { Socket } from 'node:net';
import { writeCopy } from '../io/buffer-pool.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Downstream } from '../connection/downstream.ts';
import type { RequestBody } from '../connection/request-body.ts';
import { digestOf } from '../access/repeat-guard.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Below this size, head and body are sent as one latin1 string in one write. */
const SMALL_BODY = 4096;

/**
 * The request with the available part of its body, for one write; afterwards the exchange holds neither head nor
 * credentials.
 */
export function requestData(
  exchange: Exchange,
  server: UpstreamServer,
  { complete, kept, received }: RequestBody,
): string | Buffer {
  let head = takeHead(exchange, server);
  // A body that is scanned while streaming may still need a local answer, and therefore a check of the credentials.
  if (exchange.scan === null) {
    exchange.authorization = null;
    exchange.query = null;
  }
  if (complete) exchange.bodyDigest = digestOf(kept);
  // sogod refuses chunked bodies, so a completely read one is sent with its length.
  if (exchange.framing === 'length') head += 'Content-Length: ' + exchange.contentLength + '\r\n\r\n';
  else if (exchange.framing === 'none')
    head += exchange.method === 'POST' ? 'Content-Length: 0\r\n\r\n' : '\r\n';
  else if (complete) head += 'Content-Length: ' + received + '\r\n\r\n';
  else head += 'Transfer-Encoding: chunked\r\n\r\n';
  if (kept === null) return head;
  let tail = '';
  if (exchange.framing === 'chunked' && !complete) {
    head += kept.length.toString(16) + '\r\n';
    tail = '\r\n';
  }
  if (kept.length <= SMALL_BODY) return head + kept.toString('latin1') + tail;
  return Buffer.concat([Buffer.from(head, 'latin1'), kept, Buffer.from(tail, 'latin1')]);
}

/** The opening leg of a handshake, as a bare request. */
export function openingData(exchange: Exchange, server: UpstreamServer): string {
  return takeHead(exchange, server) + '\r\n';
}

function takeHead(exchange: Exchange, server: UpstreamServer): string {
  const { upstreamLine, upstreamHead } = exchange;
  exchange.upstreamLine = '';
  exchange.upstreamHead = null;
  return upstreamLine + (server.settings.hostHeader ?? exchange.host) + '\r\n' + (upstreamHead ?? '');
}

/** Streams body bytes after the head was sent; returns the offset after the last one. */
export function streamBody(downstream: Downstream, exchange: Exchange, bytes: Buffer): number {
  const upstream = exchange.challengeOnly ? null : exchange.upstream;
  const { body, core } = downstream;
  let at = 0;
  const pieces: Buffer[] = [];
  while (at < bytes.length && !body.complete) {
    at = body.next(bytes, at);
    if (body.error !== null) {
      downstream.refuse(body.error);
      return bytes.length;
    }
    const { payloadStart, payloadEnd } = body;
    if (upstream !== null && payloadEnd > payloadStart) pieces.push(bytes.subarray(payloadStart, payloadEnd));
  }
  exchange.bytesIn = body.received;
  for (const piece of exchange.scan === null ? [] : pieces) {
    const finding = exchange.scan?.push(piece) ?? 'clean';
    if (finding === 'clean') continue;
    // The bytes behind the body are dropped with it: what follows is the middle of a request.
    if (at < bytes.length) exchange.persistent = false;
    downstream.withhold(exchange, finding);
    return bytes.length;
  }
  const chunked = exchange.framing === 'chunked';
  const drained = upstream === null || writePieces(upstream.socket, pieces, chunked, body.complete);
  if (body.complete) {
    exchange.requestComplete = true;
    if (exchange.phase === 'forwarded') downstream.timeouts.awaitResponse(exchange, core.draining);
  } else {
    if (exchange.phase === 'forwarded') downstream.timeouts.awaitPhone();
    if (!drained) downstream.socket.pause();
  }
  return at;
}

/**
 * Writes stretches of a body as one chunk, however the phone chunked it (possibly one byte each); returns false when
 * the server is slower.
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
