// Owns reading many plain sockets into one buffer, without allocation per read and without Node's stream layer.
import { Socket } from 'node:net';

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

/** Where a socket keeps the buffer and the callback of `onread` (nodejs/node lib/internal/stream_base_commons.js); undefined = elsewhere. */
const [BUFFER, CALLBACK] = ['kBuffer', 'kBufferCb'].map((name) =>
  Object.getOwnPropertySymbols(new Socket()).find(({ description }) => description === name),
);

/**
 * Lets a socket that does not read yet read into the shared buffer. net.Socket accepts `onread`, but net.Server cannot set it (lib/net.js,
 * onconnection): this does what the constructor of net.Socket would do. The socket stays as it is where this Node version does it otherwise.
 *
 * A second socket with the option, in place of the accepted one, cost each held poll 700 bytes: V8 puts functions that are set as a
 * property, such as `onwrite` of a stream, among the old objects, and until the whole heap is collected they keep what they refer to.
 */
export function shareReads(socket: Socket): void {
  // The types of Node.js lack the handle.
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const use: unknown = Reflect.get(handle, 'useUserBuffer');
  if (typeof use !== 'function' || BUFFER === undefined || CALLBACK === undefined) return;
  Reflect.apply(use, handle, [buffer]);
  Reflect.set(socket, BUFFER, buffer);
  Reflect.set(socket, CALLBACK, onRead);
}
