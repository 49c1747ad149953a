// Owns a phone double for tests with many combinations: one request after the other on a kept connection, driven by events only.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** One request, as a phone sends its parts. */
export interface CellRequest {
  readonly head: string;
  readonly body: string;
  /** The body is sent after `100 Continue`; otherwise with the head. */
  readonly waits: boolean;
}

/** A final response. */
export interface CellResponse {
  readonly status: number;
  /** latin1 */
  readonly body: string;
  /** It was preceded by `100 Continue`. */
  readonly invited: boolean;
}

/** Reconnects when the last response closed the connection. It has no time-out of its own. */
export class CellPhone {
  private readonly port: number;
  private socket: Socket | null = null;
  private received = '';
  private changed: () => void = () => undefined;
  private gone = false;

  constructor(port: number) {
    this.port = port;
  }

  /** Sends a request; resolves with its response. Rejects when the connection ends without one. */
  async send({ head, body, waits }: CellRequest): Promise<CellResponse> {
    const socket = await this.connected();
    socket.write(waits ? head : head + body, 'latin1');
    let invited = false;
    for (;;) {
      const response = this.cut();
      if (response === null) {
        if (this.gone) throw new Error(`no response; got ${JSON.stringify(this.received)} to ${head}`);
        await new Promise<void>((resolve) => (this.changed = resolve));
      } else if (response.status === 100) {
        if (waits && !invited) socket.write(body, 'latin1');
        invited = true;
      } else {
        if (response.closes) this.close();
        return { status: response.status, body: response.body, invited };
      }
    }
  }

  close(): void {
    this.socket?.destroy();
    this.socket = null;
  }

  private async connected(): Promise<Socket> {
    if (this.socket !== null && !this.gone) return this.socket;
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    this.socket = socket;
    this.received = '';
    this.gone = false;
    const end = (): void => {
      if (this.socket !== socket) return;
      this.gone = true;
      this.changed();
    };
    socket.on('data', (chunk: Buffer) => {
      if (this.socket !== socket) return;
      this.received += chunk.toString('latin1');
      this.changed();
    });
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  }

  private cut(): { readonly status: number; readonly body: string; readonly closes: boolean } | null {
    const end = this.received.indexOf('\r\n\r\n');
    if (end === -1) return null;
    const head = this.received.slice(0, end + 2);
    const status = Number(head.slice(9, 12));
    const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
    const bodyEnd = end + 4 + (status < 200 ? 0 : length);
    if (this.received.length < bodyEnd) return null;
    const body = this.received.slice(end + 4, bodyEnd);
    this.received = this.received.slice(bodyEnd);
    return { status, body, closes: /^connection: close\r$/im.test(head) };
  }
}
