// Owns the list of open sockets. In a Map each of ten thousand would take 57 bytes, and as many again when the Map has grown, until V8 collects
// the whole heap.
import type { Socket } from 'node:net';

interface ListedSocket extends Socket {
  /** Its place in the list; absent = never listed, -1 = not any more. */
  place?: number;
}

/** Open sockets, each with a label. */
export class OpenSockets {
  /** Without gaps. */
  private readonly sockets: ListedSocket[] = [];
  private readonly labels: string[] = [];

  get size(): number {
    return this.sockets.length;
  }

  /** Adds a socket, without a label: ''. */
  add(socket: Socket): void {
    const listed: ListedSocket = socket;
    listed.place = this.sockets.push(listed) - 1;
    this.labels.push('');
  }

  label(socket: ListedSocket, label: string): void {
    if (this.has(socket)) this.labels[socket.place] = label;
  }

  /** Returns the label of the removed socket. The last one takes its place. */
  remove(socket: ListedSocket): string {
    if (!this.has(socket)) return '';
    const { place } = socket;
    const label = this.labels[place] ?? '';
    const last = this.sockets.pop();
    const lastLabel = this.labels.pop();
    socket.place = -1;
    if (last === undefined || lastLabel === undefined || last === socket) return label;
    this.sockets[place] = last;
    this.labels[place] = lastLabel;
    last.place = place;
    return label;
  }

  /** From the last to the first: that survives the removal of each one that is visited. */
  *[Symbol.iterator](): Generator<Socket> {
    for (let place = this.sockets.length - 1; place >= 0; place--) {
      const socket = this.sockets[place];
      if (socket !== undefined) yield socket;
    }
  }

  private has(socket: ListedSocket): socket is ListedSocket & { place: number } {
    return socket.place !== undefined && this.sockets[socket.place] === socket;
  }
}
