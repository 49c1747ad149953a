// Owns the removal of Node's own `end` handler from sockets that do not need it.
import { Socket } from 'node:net';

/**
 * One function for all sockets (nodejs/node lib/net.js, onReadableStreamEnd): after the peer's FIN it lets write() fail, on sockets
 * that are not half-open.
 */
const [own] = new Socket().listeners('end');

/**
 * For a socket that is half-open, or is destroyed at its `end`, and whose only other handler is ours: two handlers of one event are a list
 * of 104 bytes, which each held poll would keep twice.
 */
export function dropOwnEndHandler(socket: Socket): void {
  if (own !== undefined) socket.off('end', own);
}
