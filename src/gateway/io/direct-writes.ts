// Owns writing text to plain sockets without Node's stream layer, which costs as much as parsing the request. Bytes
// that the kernel does not accept at once are counted here. All other writes use the stream.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';

/** A partial write; the rest is in progress (nodejs/node lib/internal/stream_base_commons.js). */
interface PendingWrite {
  oncomplete: (status: number) => void;
  /** The status, if the write completed before a listener was set. */
  writeStatus: number | null;
}

interface TextHandle {
  /** 0 = written completely; another number = an error; an object = pending. */
  writeLatin1String(wrap: null, text: string): number | PendingWrite;
}

interface DirectSocket extends Socket {
  readonly _handle: TextHandle | null;
  /** Bytes of direct writes that the kernel has not accepted. */
  pendingBytes?: number;
}

/**
 * Node 26 from 26.10 on: its handle is known to accept `null` instead of a request object, with which an older one would crash.
 * All other versions write through the stream.
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
    // Data in the stream must be written first.
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

/** {@link writeText}, or of octets the stream's own write. */
export function writeData(target: Socket, data: string | Buffer): boolean {
  return typeof data === 'string' ? writeText(target, data) : target.write(data);
}

/** Bytes in memory that the peer has not read. */
export function unsentBytes(socket: Socket): number {
  return socket.writableLength + ((socket as DirectSocket).pendingBytes ?? 0);
}

/** Whether written data is pending, so that `drain` follows. */
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
