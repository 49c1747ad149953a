// Owns a phone that asks one gateway again and again, until it is refused: when a decision is effective for new requests there.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { SYNC_BODY, rawRequest } from './traffic.ts';

/** Status 129: the device is blocked for this user (MS-ASCMD 2.2.2). */
const DENIED = Buffer.from('\u0003129\u0000', 'latin1');
const PAUSE_MS = 1;
const PATIENCE_MS = 10_000;

export class Probe {
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async open(port: number): Promise<Probe> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Probe(socket);
  }

  /** Whether a request of the device is refused. */
  async isRefused(device: string): Promise<boolean> {
    const answer = once(this.socket, 'data');
    this.socket.write(rawRequest('Sync', device, SYNC_BODY));
    const [chunk] = (await answer) as [Buffer];
    return chunk.includes(DENIED);
  }

  /** When a request is refused for the first time, `performance.now()`. */
  async untilRefused(device: string): Promise<number> {
    const end = performance.now() + PATIENCE_MS;
    while (!(await this.isRefused(device))) {
      if (performance.now() > end) throw new Error(`${device} is not refused`);
      await pause(PAUSE_MS);
    }
    return performance.now();
  }

  close(): void {
    this.socket.destroy();
  }
}
