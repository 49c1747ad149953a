// Owns the listener for deliveries: limits of connections and heads, TLS, and the port, which an earlier process may still hold.
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../../config/endpoint.ts';
import { http, https } from '../../node-http.ts';
import type { ReceiveHandler } from './routes.ts';

/** Where and how it listens. */
export interface ReceiveSettings {
  readonly endpoint: Endpoint;
  /** Null = plain HTTP. */
  readonly tls: Pair | null;
  readonly maxConnections: number;
}

/** A certificate with its chain, and its key; PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

const MIN_TLS = 'TLSv1.2';

/** Longest head, as node:http counts it. */
const MAX_HEAD = 16_384;
const MAX_HEADERS = 100;
const HEAD_MS = 10_000;
const IDLE_MS = 5_000;
const CHECK_MS = 2_000;
const AGAIN_MS = 1_000;
const REQUESTS_PER_SOCKET = 1_000;

/** An open listener. */
export class ReceiveListener {
  private readonly server: Server;
  private readonly settings: ReceiveSettings;
  private readonly sockets = new Map<Socket, string>();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;
  private hasFailed = false;
  private readonly onTrouble: (error: Error) => void;

  /** `onTrouble`: the port cannot be opened; it is tried again. `headMs`: longest time for a head. */
  constructor(
    settings: ReceiveSettings,
    handler: ReceiveHandler,
    onTrouble: (error: Error) => void = () => undefined,
    headMs = HEAD_MS,
  ) {
    const options = {
      maxHeaderSize: MAX_HEAD,
      headersTimeout: headMs,
      // Bodies have a pace of their own (body.ts); an answer may take as long as a large push.
      requestTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: Math.min(CHECK_MS, headMs),
      // RFC 9112 3.2: a request without Host, or with several, is refused.
      requireHostHeader: true,
      insecureHTTPParser: false,
    };
    this.settings = settings;
    this.onTrouble = onTrouble;
    const { tls } = settings;
    this.server =
      tls === null
        ? http.createServer(options, handler)
        : https.createServer(
            {
              ...options,
              cert: tls.certificate,
              key: tls.key,
              minVersion: MIN_TLS,
              handshakeTimeout: headMs,
            },
            handler,
          );
    this.server.maxHeadersCount = MAX_HEADERS;
    this.server.maxRequestsPerSocket = REQUESTS_PER_SOCKET;
    this.server.maxConnections = settings.maxConnections;
    // `100 Continue` is sent once the head was checked.
    this.server.on('checkContinue', handler);
    this.server.on('connection', (socket: Socket) => this.admit(socket));
    this.server.on('error', (error) => this.again(error));
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => endOf(error, socket));
    this.listen();
  }

  /** The port; null = it does not listen yet. */
  get port(): number | null {
    const address = this.server.address() as AddressInfo | null;
    return address?.port ?? null;
  }

  /** Resolves when it listens. */
  async ready(): Promise<void> {
    if (!this.server.listening) await new Promise((resolve) => this.server.once('listening', resolve));
  }

  /** From now on new connections get this certificate; open ones keep theirs. @throws where it cannot be used */
  renew({ certificate, key }: Pair): void {
    if (this.server instanceof https.Server)
      this.server.setSecureContext({ cert: certificate, key, minVersion: MIN_TLS });
  }

  /** Takes no more connections, and ends the idle ones; others end with their answers, or after a second. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    if (!this.server.listening) return;
    const ended = new Promise((resolve) => this.server.close(resolve));
    this.server.closeIdleConnections();
    const timer = setTimeout(() => this.server.closeAllConnections(), AGAIN_MS);
    await ended;
    clearTimeout(timer);
  }

  private listen(): void {
    const { address, port } = this.settings.endpoint;
    this.server.listen({ host: address, port, backlog: 128 });
  }

  /** One address gets half of the connections at most. Threat: a stranger who holds all of them. */
  private admit(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    let same = 0;
    for (const other of this.sockets.values()) if (other === address) same++;
    if (same >= Math.max(1, Math.floor(this.settings.maxConnections / 2))) {
      socket.destroy();
      return;
    }
    this.sockets.set(socket, address);
    socket.once('close', () => this.sockets.delete(socket));
  }

  /** After a reload the earlier process may still hold the port. */
  private again(error: Error): void {
    if (this.closed) return;
    if (!this.hasFailed) this.onTrouble(error);
    this.hasFailed = true;
    this.timer = setTimeout(() => this.listen(), AGAIN_MS);
    this.timer.unref();
  }
}

/** Answers a request that is not HTTP, or whose head is late. The answer has no bytes of the request. */
function endOf({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
