// Owns reusable buffers for copying large bodies between sockets. Allocating 64 KB per stretch costs more CPU in
// garbage collection than the copy (bench/README.md).
import type { Socket } from 'node:net';

/** A read of 64 KB, preceded by a response head. */
const BUFFER_BYTES = 80 * 1024;
/** 20 MB: enough for some hundred concurrent transfers; further buffers are garbage-collected. */
const MAX_FREE = 256;

class PooledBuffer {
  readonly bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** The socket has written it, or is closed. */
  readonly release = (): void => {
    if (free.length < MAX_FREE) free.push(this);
  };
}

const free: PooledBuffer[] = [];

/**
 * Writes `head` (latin1) and a copy of `bytes[from..end)`; returns false when the socket is slower than its source. The
 * bytes may be overwritten afterwards.
 */
export function writeCopy(socket: Socket, head: string, bytes: Buffer, from: number, end: number): boolean {
  const size = head.length + end - from;
  if (size > BUFFER_BYTES) {
    socket.write(head, 'latin1');
    return socket.write(Buffer.from(bytes.subarray(from, end)));
  }
  const buffer = free.pop() ?? new PooledBuffer();
  if (head !== '') buffer.bytes.write(head, 0, 'latin1');
  bytes.copy(buffer.bytes, head.length, from, end);
  return socket.write(buffer.bytes.subarray(0, size), buffer.release);
}
