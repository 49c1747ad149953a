// Owns a mail server double on raw sockets: a test scripts each exchange byte by byte.
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';

/** One connection accepted by the double. */
export interface BackendConnection {
  readonly socket: Socket;
  /** Everything received so far, as latin1. */
  received: string;
  closed: boolean;
  /** The PROXY protocol header of the connection, as latin1; '' = none. */
  proxyHeader: string;
}

/** A request with Content-Length or chunked framing, as parsed by the double. */
export interface BackendRequest {
  readonly connection: BackendConnection;
  readonly head: string;
  readonly method: string;
  readonly target: string;
  /** [name, value] in order. */
  readonly headers: readonly (readonly [string, string])[];
  /** Decoded body. */
  readonly body: Buffer;
  header(name: string): string | undefined;
}

/** A running double. */
export interface RawBackend {
  readonly port: number;
  readonly connections: BackendConnection[];
  /** All accepted connections, with or without a complete handshake, including closed ones. */
  readonly accepted: Socket[];
  readonly requests: BackendRequest[];
  close(): Promise<void>;
}

/**
 * Starts a double; `onRequest` is called for every complete request and writes any bytes to the socket. With `tls` it uses TLS,
 * and `connections` are those with a successful handshake.
 */
export async function startRawBackend(
  onRequest: (request: BackendRequest) => void = () => undefined,
  onData: (connection: BackendConnection) => void = () => undefined,
  tls: TlsOptions | null = null,
): Promise<RawBackend> {
  const connections: BackendConnection[] = [];
  const accepted: Socket[] = [];
  const requests: BackendRequest[] = [];
  const onConnection = (socket: Socket): void => {
    const connection: BackendConnection = { socket, received: '', closed: false, proxyHeader: '' };
    connections.push(connection);
    let pending = '';
    let begun = false;
    socket.on('error', () => undefined);
    socket.on('close', () => (connection.closed = true));
    socket.on('data', (chunk) => {
      connection.received += chunk.toString('latin1');
      pending += chunk.toString('latin1');
      onData(connection);
      if (!begun) {
        const end = proxyHeaderEnd(pending);
        if (end === -1) return;
        begun = true;
        connection.proxyHeader = pending.slice(0, end);
        pending = pending.slice(end);
      }
      for (;;) {
        const cut = cutRequest(pending, connection);
        if (cut === null) break;
        pending = cut.rest;
        requests.push(cut.request);
        onRequest(cut.request);
      }
    });
  };
  const server =
    tls === null
      ? createServer({ noDelay: true }, onConnection)
      : createTlsServer({ ...tls, noDelay: true }, onConnection);
  server.on('connection', (socket: Socket) => accepted.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    accepted,
    requests,
    close: () =>
      new Promise((resolve) => {
        for (const socket of accepted) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** End of the PROXY protocol header: 0 = none, -1 = more bytes needed. */
function proxyHeaderEnd(text: string): number {
  if (text.startsWith('\r\n')) {
    if (text.length < 16) return -1;
    const end = 16 + text.charCodeAt(14) * 256 + text.charCodeAt(15);
    return text.length < end ? -1 : end;
  }
  if (!'PROXY '.startsWith(text.slice(0, 6))) return 0;
  return text.indexOf('\r\n') === -1 ? -1 : text.indexOf('\r\n') + 2;
}

function cutRequest(
  text: string,
  connection: BackendConnection,
): { request: BackendRequest; rest: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = text.slice(0, end + 4);
  const [line = '', ...lines] = head.trimEnd().split('\r\n');
  const [method = '', target = ''] = line.split(' ');
  const headers = lines.map((text) => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon), text.slice(colon + 1).trim()] as const;
  });
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  let rest = text.slice(end + 4);
  let body = '';
  if (header('transfer-encoding') === 'chunked') {
    for (;;) {
      const eol = rest.indexOf('\r\n');
      if (eol === -1) return null;
      const size = Number.parseInt(rest.slice(0, eol), 16);
      if (rest.length < eol + 2 + size + 2) return null;
      body += rest.slice(eol + 2, eol + 2 + size);
      rest = rest.slice(eol + 2 + size + 2);
      if (size === 0) break;
    }
  } else {
    const length = Number(header('content-length') ?? 0);
    if (rest.length < length) return null;
    body = rest.slice(0, length);
    rest = rest.slice(length);
  }
  const request = { connection, head, method, target, headers, body: Buffer.from(body, 'latin1'), header };
  return { request, rest };
}

/** The headers of an EAS server in its answer to OPTIONS with credentials. */
export const OFFER = 'MS-ASProtocolVersions: 14.1,16.1\r\n';

/** A minimal refusal. */
export const UNAUTHORIZED =
  'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="corp"\r\nContent-Length: 0\r\n\r\n';

/** Whether a request is an OPTIONS without credentials, which a mail server must refuse (MS-ASHTTP 2.2.3.1.2). */
export function isBare(request: BackendRequest): boolean {
  return request.method === 'OPTIONS' && request.header('authorization') === undefined;
}

/** A minimal good response. */
export function ok(body = 'ok', extra = ''): string {
  return `HTTP/1.1 200 OK\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`;
}
