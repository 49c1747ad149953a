// Owns what the parts that serve an exchange may use of the client connection it came on.
import type { Socket } from 'node:net';
import type { HttpErrorCode } from '../../errors.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';
import type { ExchangePhase } from '../exchange/transitions.ts';
import type { ClientOrigin } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';
import type { RequestBody } from './request-body.ts';
import type { Timeouts } from './timeouts.ts';

/** A client connection. */
export interface Downstream {
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
  readonly timeouts: Timeouts;
  /** The phone closed its side: it sends nothing more, and may have left. */
  readonly clientEnded: boolean;
  /**
   * Moves the exchange to another phase. False when that is not legal (exchange/transitions.ts): then the connection is
   * closed and the exchange is over, and the caller does nothing more.
   */
  enter(exchange: Exchange, phase: ExchangePhase): boolean;
  /** Answers, and ends the exchange. */
  reply(exchange: Exchange, reply: Reply): void;
  /** The mail server or the gateway is at fault: answers, or cuts a response under way. */
  fail(exchange: Exchange, code: HttpErrorCode): void;
  /** The client is at fault: answers and closes, or cuts a response under way. */
  refuse(code: HttpErrorCode): void;
  /** Reads on: the body is wanted again. */
  resumeBody(): void;
  /** What comes of the body must not reach the mail server, and so the request does not. */
  withhold(exchange: Exchange, finding: 'issued' | 'odd'): void;
  /** The mail server answered a request with these credentials, or took them when it was asked about them. */
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
