// Owns one raw connection for hostile tests: sends bytes and reports answers by events, without timers.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { PATIENCE_MS } from '../checks/until.ts';

/** A connection whose received bytes can be waited for. */
export class Wire {
  received = '';
  /** The other side closed its half or the whole connection. */
  ended = false;
  closed = false;
  /** It ended by a reset. */
  reset = false;
  private readonly socket: Socket;
  private readonly waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    const changed = (): void => {
      for (const check of this.waiting) check();
    };
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      changed();
    });
    socket.on('end', () => {
      this.ended = true;
      changed();
    });
    socket.on('close', () => {
      this.ended = true;
      this.closed = true;
      changed();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' && !this.ended) this.reset = true;
    });
  }

  static async open(port: number): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Wire(socket);
  }

  send(bytes: string): void {
    if (!this.socket.destroyed) this.socket.write(bytes, 'latin1');
  }

  /** Closes our half. */
  end(): void {
    if (!this.socket.destroyed) this.socket.end();
  }

  /** Waits until the condition holds; rejects with `what` when it never does. */
  until(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.waiting.delete(check);
        action();
      };
      const check = (): void => {
        if (condition()) settle(resolve);
      };
      const timer = setTimeout(
        () =>
          settle(() =>
            reject(new Error(`timed out waiting for ${what}; got ${JSON.stringify(this.received)}`)),
          ),
        PATIENCE_MS,
      );
      this.waiting.add(check);
      check();
    });
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** The statuses of the responses in `text`, each framed by Content-Length; throws on anything else between them. */
export function statusesOf(text: string): number[] {
  const statuses: number[] = [];
  let rest = text;
  while (rest !== '') {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) throw new Error(`not one clean response: ${JSON.stringify(rest.slice(0, 200))}`);
    const status = Number(head[1]);
    const length = Number(/^content-length: (\d+)\r$/im.exec(head[2] ?? '')?.[1] ?? 0);
    rest = rest.slice(head[0].length + length);
    if (status >= 200) statuses.push(status);
  }
  return statuses;
}
