// Owns reading a request body from a client connection: counted or chunked, buffered until it is forwarded.
import { ChunkScanner } from '../../http/chunked.ts';
import type { BodyFraming } from '../../http/request-head.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';

/** Trailers of requests are dropped (RFC 9110 6.5.1); this limits their size. */
const MAX_TRAILER_BYTES = 4096;
const MIN_STORE_BYTES = 4096;

/**
 * The payload of one body. It is buffered by {@link keep} before the head was forwarded, and returned piecewise by
 * {@link next} afterwards.
 */
export class RequestBody {
  /** The whole payload was read. */
  complete = true;
  /** Payload bytes read so far. */
  received = 0;
  /** Payload that is buffered until the head is forwarded. */
  kept: Buffer | null = null;
  error: HttpErrorCode | null = null;
  private framing: BodyFraming = 'none';
  private remaining = 0;
  private maxBytes = 0;
  private scanner: ChunkScanner | null = null;
  /** {@link kept} is a buffer of its own; otherwise a view of the bytes read. */
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
      this.scanner ??= new ChunkScanner(MAX_TRAILER_BYTES, 'refuse');
      this.scanner.reset();
    }
  }

  /** Drops the buffered payload. */
  release(): void {
    this.kept = null;
    this.ownsKept = false;
  }

  /** Replaces a complete body by `bytes`. */
  replace(bytes: Buffer): void {
    if (!this.complete) throw new RangeError('the body is not complete');
    this.kept = bytes;
    this.ownsKept = false;
  }

  /** Lowers the limit once the command is known; false when the announced length exceeds it. */
  limit(maxBytes: number): boolean {
    this.maxBytes = maxBytes;
    return this.remaining <= maxBytes;
  }

  /**
   * Reads bytes from `from` and appends payload to {@link kept}. Returns the offset after the last byte read; check
   * {@link error} and {@link complete} afterwards.
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
   * Appends `payload` to `kept` with capacity doubling: for a body of one-byte chunks, copying everything each time
   * would be quadratic.
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

  /** Bounds of the payload that the last {@link next} found; equal when none. */
  payloadStart = 0;
  payloadEnd = 0;

  /** Reads one stretch of the body; returns the offset after it. */
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
