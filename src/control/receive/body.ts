// Owns the reading of a body within limits: of size, also unpacked, of time and of pace. A body larger than a delivery of a webhook
// goes to a file, so that memory does not grow with it.
// Threat: bodies that never end, come byte by byte (slowloris), or unpack to a thousand times their size.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PassThrough, Transform } from 'node:stream';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { codeOf } from '../../caught-error.ts';
import { monotonicNow } from '../../clock.ts';
import { DeliveryError } from '../../app/received/delivery-error.ts';
import type { PushBody } from '../../app/received/pushes.ts';
import { TemporaryFile } from '../../temporary-file.ts';

/** The least pace of a body. */
export interface Pace {
  /** Longest time for the whole body, milliseconds. */
  readonly totalMs: number;
  /** Least bytes in each {@link Pace.everyMs}. */
  readonly leastBytes: number;
  readonly everyMs: number;
}

/** Limits of a body. */
export interface BodyLimits {
  /** Unpacked. */
  readonly maxBytes: number;
  readonly pace: Pace;
}

/** A body in a file. */
export interface BodyFile extends PushBody {
  /** Removes the file. */
  close(): Promise<void>;
}

/** Text of records packs to about a tenth. A body that unpacks to more than this is refused, once it is not small. */
const MAX_RATIO = 200;
const RATIO_COUNTS_FROM = 8_388_608;

/** The client left: there is nobody to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/** Reads a body into memory. @throws DeliveryError, ClientGoneError */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  checkLength(request, limits);
  const pieces: Buffer[] = [];
  const sink = new PassThrough();
  sink.on('data', (piece: Buffer) => pieces.push(piece));
  await transfer(request, limits, [bounded(limits.maxBytes, () => 0), sink]);
  return Buffer.concat(pieces);
}

/** Reads a body, unpacked, into a file without a name. @throws DeliveryError, ClientGoneError, ProgramError EASGATE_TEMPORARY_FILES */
export async function bodyFile(
  request: IncomingMessage,
  limits: BodyLimits,
  { isPacked, prefix }: { readonly isPacked: boolean; readonly prefix: string },
): Promise<BodyFile> {
  checkLength(request, limits);
  const file = await TemporaryFile.open();
  try {
    // Of the body and of what the request asks for.
    const hash = createHash('sha256').update(prefix);
    let packed = 0;
    const counted = new Transform({
      transform(piece: Buffer, _encoding, done) {
        packed += piece.length;
        done(null, piece);
      },
    });
    const out = bounded(
      limits.maxBytes,
      () => (isPacked ? packed : 0),
      (piece) => hash.update(piece),
    );
    const sink = file.writable();
    await transfer(request, limits, isPacked ? [counted, createGunzip(), out, sink] : [out, sink]);
    return { bytes: () => file.bytes(), digest: hash.digest('base64'), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** RFC 9110 8.6: what is announced as too large need not be read. */
function checkLength(request: IncomingMessage, { maxBytes }: BodyLimits): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

function tooLarge(maxBytes: number): DeliveryError {
  return new DeliveryError('EASGATE_DELIVERY_SIZE', `the body is larger than ${maxBytes} bytes`);
}

/** Passes at most so many bytes. `packed`: how many they were before they were unpacked; 0 = they were not. */
function bounded(maxBytes: number, packed: () => number, look?: (piece: Buffer) => void): Transform {
  let size = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      size += piece.length;
      const before = packed();
      if (size > maxBytes) return done(tooLarge(maxBytes));
      if (before > 0 && size > RATIO_COUNTS_FROM && size > before * MAX_RATIO)
        return done(
          new DeliveryError(
            'EASGATE_DELIVERY_SIZE',
            `the body unpacks to more than ${MAX_RATIO} times its size`,
          ),
        );
      look?.(piece);
      done(null, piece);
    },
  });
}

/** Reads the request into the streams. A failure does not destroy it: its sender still gets an answer. */
async function transfer(
  request: IncomingMessage,
  { pace }: BodyLimits,
  streams: [Transform, ...Transform[], Writable],
): Promise<void> {
  const inlet = new PassThrough();
  const begun = monotonicNow();
  let inSpan = 0;
  let spanBegan = begun;
  const timer = setInterval(
    () => {
      const now = monotonicNow();
      // A sender that waits for the disk of this machine is not slow.
      const isWaiting = inlet.writableNeedDrain;
      const isSlow = now - spanBegan >= pace.everyMs && inSpan < pace.leastBytes && !isWaiting;
      if (isSlow || now - begun > pace.totalMs)
        inlet.destroy(new DeliveryError('EASGATE_DELIVERY_SLOW', 'the body came too slowly'));
      else if (now - spanBegan >= pace.everyMs) [spanBegan, inSpan] = [now, 0];
    },
    Math.min(1_000, pace.everyMs),
  );
  const onData = (piece: Buffer): void => {
    inSpan += piece.length;
    if (!inlet.destroyed && !inlet.write(piece)) {
      request.pause();
      inlet.once('drain', () => request.resume());
    }
  };
  const onEnd = (): void => void inlet.end();
  const onClose = (): void => {
    if (!request.complete) inlet.destroy(new ClientGoneError('the client left'));
  };
  request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  try {
    await pipeline(inlet, ...streams);
  } catch (error) {
    const isGzip = codeOf(error, '').startsWith('Z_');
    throw isGzip ? new DeliveryError('EASGATE_DELIVERY_CONTENT', 'the body is not gzip (RFC 1952)') : error;
  } finally {
    clearInterval(timer);
    request.off('data', onData).off('end', onEnd).off('close', onClose);
  }
}
