// Owns the places for connections of a small HTTP server: when all are taken, the address that holds most gives one up.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Place {
  readonly socket: Socket;
  readonly address: string;
  /** Requests without an answer so far. */
  requests: number;
}

/**
 * Bounds the connections of a server to `most`. A new one always gets in: another one is closed for it, of the address that holds
 * most, one without a request first, the oldest first. So nobody is kept out by connections that are held open (CWE-400).
 */
export function sharePlaces(server: Server, most: number): void {
  /** In the order of their beginning, by address and port of the client: requests over TLS have another socket object. */
  const places = new Map<string, Place>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '' } = socket;
    const name = nameOf(socket);
    if (places.size >= most) {
      const given = placeToGive(places, address);
      if (given !== undefined) places.delete(nameOf(given));
      given?.destroy();
    }
    places.set(name, { socket, address, requests: 0 });
    socket.once('close', () => {
      if (places.get(name)?.socket === socket) places.delete(name);
    });
  });
  server.on('request', ({ socket }: { readonly socket: Socket }, response: ServerResponse) => {
    const place = places.get(nameOf(socket));
    if (place === undefined) return;
    place.requests++;
    response.once('close', () => place.requests--);
  });
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** The connection that is closed for a new one of an address. */
function placeToGive(places: ReadonlyMap<string, Place>, newcomer: string): Socket | undefined {
  const held = new Map([[newcomer, 1]]);
  for (const { address } of places.values()) held.set(address, (held.get(address) ?? 0) + 1);
  const most = Math.max(...held.values());
  const candidates = [...places.values()].filter(({ address }) => held.get(address) === most);
  return (candidates.find(({ requests }) => requests === 0) ?? candidates[0])?.socket;
}
