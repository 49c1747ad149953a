// Owns the interface of the client connection for the parts that serve an exchange.
import type { Socket } from 'node:net';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { RequestOrigin } from '../access/request-facts.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Reply } from '../exchange/steps.ts';
import type { ExchangePhase } from '../exchange/transitions.ts';
import type { ClientOrigin } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';
import type { RequestBody } from './request-body.ts';
import type { Timeouts } from './timeouts.ts';

/** A client connection. */
export interface Downstream extends RequestOrigin {
  readonly core: GatewayCore;
  readonly socket: Socket;
  readonly body: RequestBody;
  readonly port: number;
  /** The peer is a trusted proxy: its requests may come from several clients. */
  readonly trusted: boolean;
  /** The client of the current request, as reported to the mail server. */
  readonly origin: ClientOrigin;
  /** The current exchange. */
  readonly exchange: Exchange | null;
  readonly timeouts: Timeouts;
  /** The phone closed its side: it sends no more, and may have left. */
  readonly clientEnded: boolean;
  /**
   * Moves the exchange to another phase. False when that is illegal (exchange/transitions.ts): the connection is then
   * closed, the exchange over, and the caller must stop.
   */
  enter(exchange: Exchange, phase: ExchangePhase): boolean;
  /** Replies and ends the exchange. */
  reply(exchange: Exchange, reply: Reply): void;
  /** Error of the mail server or the gateway: replies, or cuts off a response in progress. */
  fail(exchange: Exchange, code: HttpErrorCode): void;
  /** Error of the client: replies and closes, or cuts off a response in progress. */
  refuse(code: HttpErrorCode): void;
  /** Continues to read the body. */
  resumeBody(): void;
  /** The rest of the body must not reach the mail server: the request is withdrawn. */
  withhold(exchange: Exchange, finding: 'issued' | 'odd'): void;
  /** The poll is about to be held. */
  onHold(exchange: Exchange): void;
  /** The mail server accepted these credentials, in a request or in a check. */
  noteSeen(exchange: Exchange, status: number): void;
  /** The mail server's response head arrived; it may show that the credentials were accepted. */
  noteAnswer(exchange: Exchange, head: ResponseHead): void;
  /** The response was sent completely. */
  end(exchange: Exchange, status: number): void;
  /** Ends a response in progress, visibly. */
  cut(): void;
  /** The pinned connection to the mail server is gone, so the client connection is closed. */
  close(): void;
}
