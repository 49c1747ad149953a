// Owns reading one request body off a client connection: counts or unchunks, keeps what was read before forwarding.
import { ChunkScanner } from '../../http/chunked.ts';
import type { BodyFraming } from '../../http/request-head.ts';
import type { HttpErrorCode } from '../../errors.ts';

/** Trailers of requests are read past and dropped (RFC 9110 6.5.1 allows that); this bounds them. */
const MAX_TRAILER_BYTES = 4096;
const MIN_STORE_BYTES = 4096;

/**
 * Payload of one body. {@link read} takes bytes off the wire; what it yields is either kept (before the head was
 * forwarded) or handed on by the caller.
 */
export class RequestBody {
  /** All payload was read. */
  complete = true;
  /** Payload bytes seen so far. */
  received = 0;
  /** Payload kept until the head is forwarded. */
  kept: Buffer | null = null;
  error: HttpErrorCode | null = null;
  private framing: BodyFraming = 'none';
  private remaining = 0;
  private maxBytes = 0;
  private scanner: ChunkScanner | null = null;
  /** {@link kept} begins memory made for it; else it is a part of what came off the wire. */
  private ownsKept = false;

  begin(framing: BodyFraming, length: number, maxBytes: number): void {
    this.framing = framing;
    this.remaining = framing === 'length' ? length : 0;
    this.maxBytes = maxBytes;
    this.received = 0;
    this.release();
    this.error = null;
    this.complete = framing === 'none';
    if (framing === 'chunked') {
      this.scanner ??= new ChunkScanner(MAX_TRAILER_BYTES);
      this.scanner.reset();
    }
  }

  /** Lets go of what was kept. */
  release(): void {
    this.kept = null;
    this.ownsKept = false;
  }

  /** Puts `bytes` in the place of a whole body. */
  replace(bytes: Buffer): void {
    if (!this.complete) throw new RangeError('the body is not complete');
    this.kept = bytes;
    this.ownsKept = false;
  }

  /** Lowers the bound once the command is known; false when the announced length is above it. */
  limit(maxBytes: number): boolean {
    this.maxBytes = maxBytes;
    return this.remaining <= maxBytes;
  }

  /**
   * Consumes bytes from `from`; appends payload to {@link kept}. Returns the offset behind the last byte consumed;
   * check {@link error} and {@link complete} afterwards.
   */
  keep(bytes: Buffer, from: number): number {
    let at = from;
    while (!this.complete && at < bytes.length) {
      const next = this.next(bytes, at);
      if (this.error !== null) return at;
      if (this.payloadEnd > this.payloadStart) {
        const payload = bytes.subarray(this.payloadStart, this.payloadEnd);
        if (this.kept === null) {
          this.kept = payload;
          this.ownsKept = false;
        } else {
          this.kept = this.append(this.kept, payload);
        }
      }
      at = next;
    }
    return at;
  }

  /**
   * Puts `payload` behind `kept`, in memory that doubles when it is full: a body cut into chunks of one byte would
   * otherwise be copied whole for each of them.
   */
  private append(kept: Buffer, payload: Buffer): Buffer {
    const size = kept.length + payload.length;
    const memory = kept.buffer as ArrayBuffer;
    if (this.ownsKept && size <= memory.byteLength) {
      const longer = Buffer.from(memory, 0, size);
      payload.copy(longer, kept.length);
      return longer;
    }
    const store = Buffer.allocUnsafeSlow(Math.max(MIN_STORE_BYTES, size * 2));
    kept.copy(store);
    payload.copy(store, kept.length);
    this.ownsKept = true;
    return store.subarray(0, size);
  }

  /** Bounds of the payload that the last {@link next} found; equal when it found none. */
  payloadStart = 0;
  payloadEnd = 0;

  /** Consumes one stretch of the body; returns the offset behind it. */
  next(bytes: Buffer, from: number): number {
    this.payloadStart = from;
    this.payloadEnd = from;
    if (this.framing === 'length') {
      const end = Math.min(bytes.length, from + this.remaining);
      this.payloadEnd = end;
      this.remaining -= end - from;
      this.received += end - from;
      if (this.remaining === 0) this.complete = true;
      return end;
    }
    const scanner = this.scanner as ChunkScanner;
    switch (scanner.step(bytes, from, bytes.length)) {
      case 'data':
        this.payloadStart = scanner.payloadStart;
        this.payloadEnd = scanner.payloadEnd;
        this.received += scanner.payloadEnd - scanner.payloadStart;
        if (this.received > this.maxBytes) this.error = 'EASGATE_BODY_TOO_LARGE';
        break;
      case 'end':
        this.complete = true;
        break;
      case 'invalid':
        this.error = 'EASGATE_BAD_CHUNK';
        break;
      case 'more':
        break;
    }
    return scanner.next;
  }
}
