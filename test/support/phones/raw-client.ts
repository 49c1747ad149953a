// Owns a phone double on a raw socket: sends the given bytes and collects the answers.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { PATIENCE_MS } from '../checks/until.ts';

// Saved here, since tests replace timers.
const { setTimeout: later, clearTimeout: cancel } = globalThis;

/** Events of a socket after which a response may be complete. */
const EVENTS = ['data', 'end', 'close'] as const;

/** A response cut out of the stream. */
export interface RawResponse {
  readonly status: number;
  readonly head: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  header(name: string): string | undefined;
}

/** One connection to the gateway. */
export class RawClient {
  received = '';
  ended = false;
  closed = false;
  readonly socket: Socket;

  protected constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => (this.received += chunk.toString('latin1')));
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.closed = true));
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(text: string | Buffer): void {
    if (typeof text === 'string') this.socket.write(text, 'latin1');
    else this.socket.write(text);
  }

  /** The next final response; responses 1xx are skipped. */
  async response(timeoutMs = PATIENCE_MS): Promise<RawResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<RawResponse>();
    const look = (): void => {
      const found = cut(this.received, this.ended || this.closed);
      if (found === null) return;
      this.received = found.rest;
      resolve(found.response);
    };
    const end = later(() => reject(new Error('timed out waiting for: a response')), timeoutMs);
    for (const event of EVENTS) this.socket.on(event, look);
    look();
    try {
      return await promise;
    } finally {
      cancel(end);
      for (const event of EVENTS) this.socket.off(event, look);
    }
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Resolves when the gateway has read everything sent before: it has answered a later request. */
export async function untilRead({ port }: { readonly port: number }): Promise<void> {
  const witness = await RawClient.open(port);
  witness.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
  await witness.response();
  witness.destroy();
}

function cut(text: string, ended: boolean): { response: RawResponse; rest: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = text.slice(0, end + 4);
  const [line = '', ...lines] = head.trimEnd().split('\r\n');
  const status = Number(line.split(' ')[1]);
  let rest = text.slice(end + 4);
  if (status < 200) return cut(rest, ended);
  const headers = lines.map((text) => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon), text.slice(colon + 1).trim()] as const;
  });
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  let body = '';
  const length = header('content-length');
  if (status === 204 || status === 304) {
    body = '';
  } else if (header('transfer-encoding') === 'chunked') {
    for (;;) {
      const eol = rest.indexOf('\r\n');
      if (eol === -1) return null;
      const size = Number.parseInt(rest.slice(0, eol), 16);
      if (size === 0) {
        const trailerEnd = rest.indexOf('\r\n\r\n', eol === 0 ? 0 : eol);
        if (trailerEnd === -1) return null;
        rest = rest.slice(trailerEnd + 4);
        break;
      }
      if (rest.length < eol + 2 + size + 2) return null;
      body += rest.slice(eol + 2, eol + 2 + size);
      rest = rest.slice(eol + 2 + size + 2);
    }
  } else if (length !== undefined) {
    if (rest.length < Number(length)) return null;
    body = rest.slice(0, Number(length));
    rest = rest.slice(Number(length));
  } else {
    if (!ended) return null;
    body = rest;
    rest = '';
  }
  return { response: { status, head, headers, body: Buffer.from(body, 'latin1'), header }, rest };
}
