// Owns the answers to deliveries: JSON, problems (RFC 9457) without stacks and names of hosts, and how long to wait.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DeliveryError } from '../../app/received/delivery-error.ts';
import type { DeliveryCode } from '../../app/received/delivery-error.ts';

const STATUS: Readonly<Record<DeliveryCode, number>> = {
  EASGATE_DELIVERY_CREDENTIALS: 403,
  EASGATE_DELIVERY_TIME: 400,
  EASGATE_DELIVERY_CONTENT: 422,
  EASGATE_DELIVERY_SIZE: 413,
  EASGATE_DELIVERY_SLOW: 408,
  EASGATE_DELIVERY_RATE: 429,
  EASGATE_DELIVERY_BUSY: 503,
  EASGATE_DELIVERY_STANDBY: 503,
  EASGATE_DELIVERY_STORE: 503,
  EASGATE_DELIVERY_DISK: 503,
  EASGATE_DELIVERY_FAILED: 500,
  EASGATE_HELD: 409,
};

const TITLE: Readonly<Record<DeliveryCode, string>> = {
  EASGATE_DELIVERY_CREDENTIALS: 'not accepted',
  EASGATE_DELIVERY_TIME: 'wrong time',
  EASGATE_DELIVERY_CONTENT: 'not understood',
  EASGATE_DELIVERY_SIZE: 'too large',
  EASGATE_DELIVERY_SLOW: 'too slow',
  EASGATE_DELIVERY_RATE: 'too many deliveries',
  EASGATE_DELIVERY_BUSY: 'busy',
  EASGATE_DELIVERY_STANDBY: 'not the one that takes deliveries',
  EASGATE_DELIVERY_STORE: 'the directory is not available',
  EASGATE_DELIVERY_DISK: 'no room',
  EASGATE_DELIVERY_FAILED: 'not carried out',
  EASGATE_HELD: 'held',
};

/** For this long, milliseconds, what a sender still sends is read and dropped: otherwise it may not see the answer (RFC 9112 9.6). */
const LINGER_MS = 2_000;

/** A request that is refused before its feed is looked at: another status than that of its code. */
export class RouteError extends DeliveryError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, text: string, headers: Readonly<Record<string, string>> = {}) {
    super('EASGATE_DELIVERY_CONTENT', text);
    this.status = status;
    this.headers = headers;
  }
}

/** Answers with a JSON document. */
export function answer(response: ServerResponse, status: number, document: unknown): void {
  send(response, status, 'application/json', document, {});
}

/** Answers a refused delivery. `isToken`: its credentials are a token, so that it may come again with another (RFC 9110 11.6.1). */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: DeliveryError,
  isToken: boolean,
): void {
  const { code, message, retryAfter } = error;
  const isChallenge = code === 'EASGATE_DELIVERY_CREDENTIALS' && isToken;
  const held = code === 'EASGATE_HELD' && retryAfter !== null;
  const status = error instanceof RouteError ? error.status : isChallenge ? 401 : held ? 503 : STATUS[code];
  const isUnread = !request.complete;
  send(
    response,
    status,
    'application/problem+json',
    { title: TITLE[code], status, code, detail: message },
    {
      ...(error instanceof RouteError && error.headers),
      ...(isChallenge && { 'WWW-Authenticate': 'Bearer realm="easgate"' }),
      ...(retryAfter !== null && { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) }),
      ...(isUnread && { Connection: 'close' }),
    },
  );
  if (isUnread) linger(request);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  document: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(`${JSON.stringify(document)}\n`);
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

function linger(request: IncomingMessage): void {
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  request.on('error', () => socket.destroy());
  request.resume();
}
