// Owns what the parts of a client connection that send, relay and decide may use of it.
import type { Socket } from 'node:net';
import type { HttpErrorCode } from '../../errors.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ClientOrigin } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';
import type { RequestBody } from './request-body.ts';

/** A client connection, as seen from the mail server's side of it. */
export interface PhoneSide {
  readonly core: GatewayCore;
  readonly socket: Socket;
  readonly body: RequestBody;
  readonly address: string;
  readonly port: number;
  /** A trusted proxy: its requests may be those of several clients. */
  readonly trusted: boolean;
  /** Whose request is under way, as the mail server is told. */
  readonly origin: ClientOrigin;
  /** The exchange under way. */
  readonly exchange: Exchange | null;
  /** The phone closed its side: it sends nothing more, and may have left. */
  readonly clientEnded: boolean;
  deadline: number;
  /** The mail server or the gateway is at fault: answers, or cuts a response under way. */
  fail(exchange: Exchange, code: HttpErrorCode): void;
  /** The client is at fault. */
  refuse(code: HttpErrorCode): void;
  /** Writes a whole local response. */
  reply(exchange: Exchange, data: string, status: number): void;
  /** The mail server takes body bytes again. */
  resumeBody(): void;
  /** What comes of the body must not reach the mail server, and so the request does not. */
  withhold(exchange: Exchange, finding: 'issued' | 'odd'): void;
  /** The mail server took the credentials, as it showed by `status`. */
  noteSeen(exchange: Exchange, status: number): void;
  /** The head of the mail server's answer is known: it shows whether the credentials were taken. */
  noteAnswer(exchange: Exchange, head: ResponseHead): void;
  /** The response went out whole. */
  end(exchange: Exchange, status: number): void;
  /** Ends a response in the middle, visibly. */
  cut(): void;
  /** A connection that was authenticated for this client is gone: so is the client's. */
  close(): void;
}
