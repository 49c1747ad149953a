// Owns writing text to plain sockets past Node's stream layer, which costs as much as understanding the request. What the
// kernel does not take at once is counted here until it has. Everything else goes the stream's way.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';

/** A write that the kernel took in part; the rest is on its way (nodejs/node lib/internal/stream_base_commons.js). */
interface PendingWrite {
  oncomplete: (status: number) => void;
  /** The status, where the write was over before anybody listened. */
  writeStatus: number | null;
}

interface TextHandle {
  /** 0 = all of it was written; another number is an error; an object is what is pending. */
  writeLatin1String(wrap: null, text: string): number | PendingWrite;
}

interface DirectSocket extends Socket {
  readonly _handle: TextHandle | null;
  /** Bytes of direct writes that the kernel has not taken. */
  pendingBytes?: number;
}

/**
 * The handle takes `null` in place of a request object since this version of Node; an older one would end the process. Any
 * other one writes through the stream.
 */
const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);
const IS_KNOWN_NODE = MAJOR === 26 && MINOR >= 10;

function mayWrite(socket: DirectSocket): boolean {
  return (
    IS_KNOWN_NODE &&
    !socket.connecting &&
    !socket.destroyed &&
    !socket.writableEnded &&
    socket.writableCorked === 0 &&
    // What waits in the stream comes first.
    socket.writableLength === 0 &&
    socket._handle !== null &&
    !(socket instanceof TLSSocket)
  );
}

/**
 * Writes latin1 text; returns false when the socket is slower than its source, and `drain` follows. Hot path.
 */
export function writeText(target: Socket, text: string): boolean {
  const socket = target as DirectSocket;
  if (!mayWrite(socket)) return socket.write(text, 'latin1');
  const result = (socket._handle as TextHandle).writeLatin1String(null, text);
  if (result === 0) return true;
  if (typeof result === 'number') {
    socket.destroy(new Error(`write ${getSystemErrorName(result)}`));
    return true;
  }
  wait(socket, text.length, result);
  return false;
}

/** Bytes that wait in memory for the peer to take them. */
export function unsentBytes(socket: Socket): number {
  return socket.writableLength + ((socket as DirectSocket).pendingBytes ?? 0);
}

/** Whether what was written waits, and `drain` follows. */
export function needsDrain(socket: Socket): boolean {
  return socket.writableNeedDrain || ((socket as DirectSocket).pendingBytes ?? 0) > 0;
}

function wait(socket: DirectSocket, bytes: number, write: PendingWrite): void {
  socket.pendingBytes = (socket.pendingBytes ?? 0) + bytes;
  const complete = (status: number): void => {
    socket.pendingBytes = (socket.pendingBytes ?? 0) - bytes;
    if (socket.destroyed) return;
    if (status < 0) socket.destroy(new Error(`write ${getSystemErrorName(status)}`));
    else if (socket.pendingBytes === 0 && !socket.writableNeedDrain) socket.emit('drain');
  };
  write.oncomplete = complete;
  const { writeStatus } = write;
  if (writeStatus === null) return;
  write.writeStatus = null;
  complete(writeStatus);
}
