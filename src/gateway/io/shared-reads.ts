// Owns reading many plain sockets into one buffer: no allocation per read, and nothing of Node's stream layer.
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';

/** Who takes the bytes; they are valid during the call only. */
export interface SharedReader {
  /** Returns false to stop reading until `resume()`. */
  onSharedBytes(bytes: Buffer): boolean;
}

/** A socket whose bytes come this way instead of as `data` events. */
export interface SharedSocket extends Socket {
  reader: SharedReader;
}

const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Beginnings of the buffer by their length, made when first needed: most requests are short, and of few lengths. */
const MAX_VIEW = 4096;
const views = Array.from<Buffer | null>({ length: MAX_VIEW + 1 }).fill(null);

function onRead(this: unknown, length: number): boolean {
  const bytes =
    length > MAX_VIEW ? buffer.subarray(0, length) : (views[length] ??= buffer.subarray(0, length));
  return (this as SharedSocket).reader.onSharedBytes(bytes);
}

const onread: OnReadOpts = { buffer, callback: onRead };

interface WithHandle {
  _handle: unknown;
}

/**
 * Makes a socket over the connection of an accepted one, whose object is given up. net.Socket takes `onread`, but
 * net.Server cannot be told to (nodejs/node lib/net.js, onconnection); the handle moves as node:cluster moves it.
 * Null when this Node keeps its handles elsewhere: then the accepted socket is used as it is.
 */
export function shareReads(accepted: Socket): Socket | null {
  const holder = accepted as unknown as WithHandle;
  const handle = holder._handle;
  if (typeof handle !== 'object' || handle === null) return null;
  const options = { handle, onread, allowHalfOpen: true, manualStart: true };
  const socket = new Socket(options as SocketConstructorOpts);
  holder._handle = null;
  accepted.destroy();
  return socket;
}
