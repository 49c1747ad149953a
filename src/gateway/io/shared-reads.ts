// Owns reading many plain sockets into one buffer, without allocation per read and without Node's stream layer.
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';

/** Consumer of the bytes; they are valid during the call only. */
export interface SharedReader {
  /** Returns false to stop reading until `resume()`. */
  onSharedBytes(bytes: Buffer): boolean;
}

/** A socket that delivers bytes this way instead of by `data` events. */
export interface SharedSocket extends Socket {
  reader: SharedReader;
}

const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Views of the buffer by length, created on first use: most requests are short and have few lengths. */
const MAX_VIEW = 4096;
const views = Array.from<Buffer | null>({ length: MAX_VIEW + 1 }).fill(null);

function onRead(this: unknown, length: number): boolean {
  const bytes =
    length > MAX_VIEW ? buffer.subarray(0, length) : (views[length] ??= buffer.subarray(0, length));
  return (this as SharedSocket).reader.onSharedBytes(bytes);
}

const onread: OnReadOpts = { buffer, callback: onRead };

/**
 * Wraps the connection of an accepted socket, which is given up, in a new socket. net.Socket accepts `onread`, but
 * net.Server cannot set it (nodejs/node lib/net.js, onconnection); the handle is moved as in node:cluster. Null when
 * this Node version stores handles elsewhere; then the accepted socket is used.
 */
export function shareReads(accepted: Socket): Socket | null {
  // The types of Node.js lack the handle.
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null) return null;
  const options = { handle, onread, allowHalfOpen: true, manualStart: true };
  const socket = new Socket(options as SocketConstructorOpts);
  Reflect.set(accepted, '_handle', null);
  accepted.destroy();
  return socket;
}
